import { readFileSync } from 'node:fs';
import type { Size } from './size.ts';

/** Files that a process has open beside its streams, at most. */
const OTHERS = 1000;

/** @throws TypeError when no process may have as many streams open as the size has */
export function requireOpenFiles({ streams, processesStreams }: Size): void {
  const needed = Math.max(streams, processesStreams) + OTHERS;
  // Node raises its own limit to the hard one.
  const allowed = Number(/^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
  if (allowed < needed) {
    throw new TypeError(
      `a process may have ${allowed} files open, and ${needed} are needed: ulimit -n ${needed}, or fewer --streams`,
    );
  }
}
