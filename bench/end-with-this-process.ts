import { type ChildProcess, spawn } from 'node:child_process';

export interface EndOptions {
  /** Whether the child leads a group of processes, which then ends with it. @defaultValue false */
  readonly group?: boolean;
  /** What is removed with it. @defaultValue nothing */
  readonly folder?: string;
}

/**
 * Kills `child` when this process ends before it, in whatever way: even a SIGKILL closes the pipe that the watchdog reads.
 * Called right after `spawn`, or what is killed in between is left behind.
 */
export function endWithThisProcess(
  child: ChildProcess,
  { group = false, folder = '' }: EndOptions = {},
): void {
  if (child.pid === undefined) return; // it could not be started
  const victim = `${group ? '-' : ''}${child.pid}`;
  const script = 'cat; kill -9 "$1"; [ -z "$2" ] || rm -rf "$2"';
  const watchdog = spawn('sh', ['-c', script, 'watchdog', victim, folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // or a Ctrl+C would end it before it has done its work
  });
  watchdog.unref();
  child.once('exit', () => watchdog.kill());
}
