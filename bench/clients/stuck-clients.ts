import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { endWithThisProcess } from '../end-with-this-process.ts';

const script = fileURLToPath(new URL('../../clients/stuck-clients.pl', import.meta.url));

/** Milliseconds in which all have to be open. */
const DEADLINE = 30_000;

/** Clients that read nothing after the first bytes, in a process of their own. */
export class StuckClients implements AsyncDisposable {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** Resolves when all are open. */
  static async open(port: number, count: number, key: string): Promise<StuckClients> {
    const child = spawn('perl', [script, `${port}`, `${count}`, `/stream?key=${key}`], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    endWithThisProcess(child);
    const deadline = AbortSignal.timeout(DEADLINE);
    const ended = once(child, 'exit', { signal: deadline }).then(([code]) => {
      throw new Error(`the process of the stuck clients ended (${code})`);
    });
    ended.catch(() => {}); // later that is no error
    try {
      await Promise.race([once(child.stdout, 'data', { signal: deadline }), ended]);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    return new StuckClients(child);
  }

  /** Whether the process that holds them runs. */
  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isAlive) return;
    const child = this.#process;
    const exited = once(child, 'exit');
    child.stdin?.end();
    await exited;
  }
}
