import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { endWithThisProcess } from './end-with-this-process.ts';

const READY = /^The bell rings at (\S+)$/;

/** What a developer may have set in the shell does not count. */
const DEFAULTS = {
  PORT: '0',
  HOST: '127.0.0.1',
  REDIS_URL: '',
  DATABASE_URL: '',
  DATABASE_FILE: ':memory:',
  SESSION_SECRET: '',
};

/** The demo in processes of its own, as `npm run demo` starts them: one that keeps the server running, and the server. */
export class DemoProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown[]>;
  readonly #lines: AsyncIterator<string>;
  /** What it printed so far. */
  readonly said: string[] = [];

  /** @param script what is run: the whole, or the server alone */
  constructor(env: NodeJS.ProcessEnv = {}, script = 'demo/start.js') {
    this.#child = spawn(process.execPath, [script], {
      env: { ...process.env, ...DEFAULTS, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group, so that all of its processes can be killed in one moment.
      detached: true,
    });
    // Not 'exit': as long as the server lives, it holds the pipes, whatever became of its parent.
    this.#closed = once(this.#child, 'close');
    endWithThisProcess(this.#child);
    const lines = createInterface(this.#child.stdout!);
    createInterface(this.#child.stderr!).on('line', (line) => this.said.push(line));
    lines.on('line', (line) => this.said.push(line));
    this.#lines = lines[Symbol.asyncIterator]();
  }

  /** Resolves with its URL when it listens, and when called again, when it listens the next time. */
  async listening(): Promise<string> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`the demo ended:\n${this.said.join('\n')}`);
      const url = READY.exec(value)?.[1];
      if (url !== undefined) return url;
    }
  }

  /** To the process that was started, and so not to the server. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** SIGKILL for all of its processes in one moment. */
  async crash(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      process.kill(-this.#child.pid!, 'SIGKILL');
    }
    await this.#closed;
  }

  /** Resolves with the exit code when all of its processes have ended. */
  async ended(): Promise<number | null> {
    await this.#closed;
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGTERM');
    await this.ended();
  }
}
