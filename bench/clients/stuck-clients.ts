import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../clients/stuck-clients.pl', import.meta.url));

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
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`the process of the stuck clients ended (${code})`);
    });
    ended.catch(() => {}); // later that is no error
    await Promise.race([once(child.stdout, 'data'), ended]);
    return new StuckClients(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.stdin?.end();
    await exited;
  }
}
