import { readFile } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { procStatOf, TICK } from './proc-stat.ts';

/** What a process has used and holds. */
export interface Usage {
  /** Of all its threads, user and system, since it began. */
  readonly cpuMicros: number;
  /** What of it was not spent in the kernel. */
  readonly cpuUserMicros: number;
  readonly rssBytes: number;
  /** JavaScript objects; 0 for a program that has none. */
  readonly heapBytes: number;
  /** Buffers and other memory that objects hold outside the heap. */
  readonly externalBytes: number;
}

/** Of this process. `gc` collects garbage before, which wants `--expose-gc`. */
export async function ownUsage({ gc }: { gc: boolean }): Promise<Usage> {
  if (gc) {
    // What a finalizer sets free is collected by the second.
    globalThis.gc!();
    await turn();
    globalThis.gc!();
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    cpuMicros: user + system,
    cpuUserMicros: user,
    rssBytes: rss,
    heapBytes: heapUsed,
    externalBytes: external,
  };
}

/** Of another process on Linux, with one thread. */
export async function usageOf(pid: number): Promise<Usage> {
  const schedule = await readFile(`/proc/${pid}/schedstat`, 'utf8');
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const rssKilobytes = Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1]);
  const cpuNanos = Number(schedule.split(' ')[0]);
  return {
    cpuMicros: cpuNanos / 1000,
    cpuUserMicros: procStatOf(pid).user * TICK,
    rssBytes: rssKilobytes * 1024,
    heapBytes: 0,
    externalBytes: 0,
  };
}
