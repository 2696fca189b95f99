import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endWithThisProcess } from './end-with-this-process.ts';

const APPS = new URL('../faults/', import.meta.url);

/** An application of `test/faults` in a process of its own, over the built package. Disposing of it kills it. */
export class AppProcess implements AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** What it wrote to stderr. */
  readonly said: string[];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  /** Made by `startApp`. */
  constructor(port: number, child: ChildProcess, ended: Promise<unknown>, said: string[]) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.said = said;
    this.#child = child;
    this.#ended = ended;
  }

  /** Gets what it answers as JSON. */
  async get<T>(path: string): Promise<T> {
    return (await (await fetch(this.url + path)).json()) as T;
  }

  async post<T>(path: string): Promise<T> {
    return (await (await fetch(this.url + path, { method: 'POST' })).json()) as T;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when it has ended, with its exit code, or with the signal that has ended it. */
  async ended(): Promise<number | NodeJS.Signals | null> {
    await this.#ended;
    return this.#child.exitCode ?? this.#child.signalCode;
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** @param file from `test/faults`, which prints the port it listens on, or a URL that ends with it, once it does */
export async function startApp(
  file: string,
  env: Readonly<Record<string, string>> = {},
): Promise<AppProcess> {
  const child = spawn(process.execPath, ['--expose-gc', fileURLToPath(new URL(file, APPS))], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  endWithThisProcess(child);
  const said: string[] = [];
  createInterface(child.stderr).on('line', (line) => said.push(line));
  const [line] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    ended.then(() => Promise.reject(new Error(`${file} ended: was the package built?\n${said.join('\n')}`))),
  ]);
  return new AppProcess(Number(/\d+$/.exec(line)![0]), child, ended, said);
}
