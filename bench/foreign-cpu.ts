import { readFileSync } from 'node:fs';

/** Seconds in which the kernel counts CPU: 100 a second, on all of Debian's. */
const TICK = 1 / 100;

/**
 * Seconds of CPU that neither this process nor any that it or its children have waited for has used since the machine was
 * started: other programs, and what the host gave to other machines. Only differences mean anything, between moments in
 * which this process has no children. Interrupts are nobody's, and left out.
 */
export function foreignCpuSeconds(): number {
  // Of all: user, nice, system, idle, iowait, irq, softirq, steal.
  const all = fieldsOf(
    readFileSync('/proc/stat', 'utf8')
      .split('\n')[0]!
      .replace(/^cpu +/, ''),
  );
  const busy = all[0]! + all[1]! + all[2]! + (all[7] ?? 0);
  // Of this process, upon the name in brackets: user, system, and both of its children.
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const own = fieldsOf(stat.slice(stat.lastIndexOf(')') + 2)).slice(11, 15);
  return (busy - own.reduce((sum, ticks) => sum + ticks, 0)) * TICK;
}

function fieldsOf(line: string): number[] {
  return line.split(' ').map(Number);
}
