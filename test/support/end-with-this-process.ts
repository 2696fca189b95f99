import { type ChildProcess, spawn } from 'node:child_process';

/** Kills `child` when this process ends before it, in whatever way: even a SIGKILL closes the pipe that the watchdog reads. */
export function endWithThisProcess(child: ChildProcess): void {
  const watchdog = spawn('sh', ['-c', `cat; kill -9 ${child.pid}`], { stdio: ['pipe', 'ignore', 'ignore'] });
  child.once('exit', () => watchdog.kill());
}
