import { readFileSync } from 'node:fs';
import { procStatOf, TICK } from './proc-stat.ts';

/**
 * Seconds of CPU that neither this process nor any that it or its children have waited for has used since the machine was
 * started: other programs, and what the host gave to other machines. Only differences mean anything, between moments in
 * which this process has no children. nginx's worker counts as foreign, since its master, which is killed with it, never
 * waits for it. Interrupts are nobody's, and left out.
 */
export function foreignCpuSeconds(): number {
  // Of all: user, nice, system, idle, iowait, irq, softirq, steal.
  const line = readFileSync('/proc/stat', 'utf8').split('\n')[0]!;
  const all = line
    .replace(/^cpu +/, '')
    .split(' ')
    .map(Number);
  const busy = all[0]! + all[1]! + all[2]! + (all[7] ?? 0);
  const own = Object.values(procStatOf('self')).reduce((sum: number, ticks) => sum + ticks, 0);
  return ((busy - own) * TICK) / 1e6;
}
