import { readFileSync } from 'node:fs';

/** Microseconds in which the kernel counts CPU: 100 a second, on all of Debian's. */
export const TICK = 10_000;

/** CPU of one process in ticks: its own, and that of its children that it has waited for. */
export interface ProcStat {
  readonly user: number;
  readonly system: number;
  readonly childrenUser: number;
  readonly childrenSystem: number;
}

export function procStatOf(pid: number | 'self'): ProcStat {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // What follows upon the name, which stands in brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system, childrenUser, childrenSystem] = fields.slice(11, 15).map(Number);
  return { user: user!, system: system!, childrenUser: childrenUser!, childrenSystem: childrenSystem! };
}
