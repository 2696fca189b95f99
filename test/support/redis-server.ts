import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endWithThisProcess } from './end-with-this-process.ts';
import { freePort } from './free-port.ts';

export interface RedisServerOptions {
  /** @defaultValue a free one */
  port?: number | undefined;
  /** Further arguments, such as `['--requirepass', 'secret']`. They win over the ones given here. */
  args?: readonly string[] | undefined;
  /** Where `dump.rdb` is read from and saved to. A folder handed in is left there. @defaultValue an own temporary one */
  dir?: string | undefined;
  /** The configuration file of a Sentinel, which this one is then. It is written to. */
  sentinel?: string | undefined;
}

/** A real redis-server of the test's own, without a configuration file, that saves only when told to (`SAVE`). */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly dir: string;
  readonly #args: readonly string[];
  readonly #ownsDir: boolean;
  readonly #sentinel: string | undefined;
  #child: ChildProcess | undefined;

  /** Made by `startRedis`. */
  constructor(port: number, dir: string, ownsDir: boolean, { args = [], sentinel }: RedisServerOptions) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.dir = dir;
    this.#ownsDir = ownsDir;
    this.#args = args;
    this.#sentinel = sentinel;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('redis-server is not running');
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Resolves when connections are accepted and what was saved is loaded. */
  async start(): Promise<void> {
    const at = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.dir];
    const plain = ['--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0'];
    const what = this.#sentinel === undefined ? [...at, ...plain] : [this.#sentinel, ...at, '--sentinel'];
    const child = spawn('redis-server', [...what, ...this.#args], { stdio: ['ignore', 'pipe', 'ignore'] });
    endWithThisProcess(child);
    const log: string[] = [];
    await new Promise<void>((resolve, reject) => {
      child.once('error', () =>
        reject(new Error('redis-server cannot be run: apt-get install redis-server')),
      );
      child.once('exit', () => reject(new Error(`redis-server ended:\n${log.join('\n')}`)));
      createInterface(child.stdout).on('line', (line) => {
        log.push(line);
        if (/Ready to accept connections|Sentinel ID is/.test(line)) resolve();
      });
    });
    this.#child = child;
  }

  /** Sends a signal, and waits for the end unless it is SIGSTOP or SIGCONT. Nothing is saved. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill(signal);
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') return;
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    this.#child = undefined;
  }

  /** A crash, then the same port and folder again: what was not saved is gone. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  async stop(): Promise<void> {
    await this.kill();
    if (this.#ownsDir) await rm(this.dir, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** @throws when redis-server is not installed or does not start. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const { port, dir } = options;
  const folder = dir ?? (await mkdtemp(join(tmpdir(), 'sse-trigger-redis-')));
  const server = new RedisServer(port ?? (await freePort()), folder, dir === undefined, options);
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}
