import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { freePort } from './free-port.ts';

/** Debian keeps the programs off the PATH, in one folder a version. */
const DEBIAN_VERSIONS = '/usr/lib/postgresql';

export interface PostgresServerOptions {
  /** Whether a commit waits until it is on the disk, as in production. @defaultValue false */
  fsync?: boolean | undefined;
}

/** A real PostgreSQL of the test's own. */
export class PostgresServer implements AsyncDisposable {
  readonly url: string;
  readonly #home: Home;
  readonly #settings: readonly string[];
  #child: ChildProcess | undefined;

  /** Made by `startPostgres`. */
  constructor(port: number, fsync: boolean, home: Home) {
    this.url = `postgres://tester@127.0.0.1:${port}/postgres`;
    this.#home = home;
    this.#settings = [
      `port=${port}`,
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      // synchronous_commit stays on: without fsync it costs nothing, and a commit outlives a crash of PostgreSQL.
      `fsync=${fsync ? 'on' : 'off'}`,
    ];
  }

  /** Of the process that starts one more for each connection. */
  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('postgres is not running');
    return this.#child.pid;
  }

  /** Resolves when connections are accepted and what was committed is there again. */
  async start(): Promise<void> {
    const { bin, spawnOptions } = this.#home;
    const args = ['-D', 'data', ...this.#settings.flatMap((setting) => ['-c', setting])];
    const child = spawn(join(bin, 'postgres'), args, {
      ...spawnOptions,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const log: string[] = [];
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', () => reject(new Error(`postgres ended:\n${log.join('\n')}`)));
      createInterface(child.stderr).on('line', (line) => {
        log.push(line);
        if (line.includes('ready to accept connections')) resolve();
      });
    });
    this.#child = child;
  }

  /**
   * Sends a signal to the process of `pid`, and waits for the end of all unless it is SIGSTOP or SIGCONT.
   * SIGQUIT is a crash that, unlike SIGKILL, leaves no shared memory behind.
   */
  async kill(signal: NodeJS.Signals = 'SIGQUIT'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill(signal);
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') return;
    this.#child = undefined;
    // Not 'exit': after a SIGKILL the processes of connections live on for a moment, and hold the pipe of the log.
    if (child.stderr?.closed === false) await once(child, 'close');
  }

  /** A crash, then the same port and folder again: what was committed stays. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  async stop(): Promise<void> {
    await this.kill('SIGCONT');
    await this.kill();
    await this.#home.remove();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** @throws when PostgreSQL is not installed or does not start. */
export async function startPostgres({ fsync = false }: PostgresServerOptions = {}): Promise<PostgresServer> {
  const home = await makeHome();
  try {
    const server = new PostgresServer(await freePort(), fsync, home);
    await server.start();
    return server;
  } catch (error) {
    await home.remove();
    throw error;
  }
}

/** A temporary folder with a new database in it, and how programs are run there. */
interface Home {
  readonly bin: string;
  readonly spawnOptions: { readonly cwd: string; readonly uid?: number; readonly gid?: number };
  remove(): Promise<void>;
}

/**
 * Lasts until its stdin ends, which it does in whatever way this process ends, and leaves nothing. A watchdog that only
 * kills would leave the folder and a piece of shared memory. Ctrl-C reaches it, too, and it has its work yet to do then.
 */
const KEEPER = `
  trap '' INT PIPE
  "$0/initdb" -D data -U tester --auth=trust -E UTF8 --locale=C --no-sync >/dev/null
  echo $?
  exec >/dev/null 2>&1
  cat
  "$0/pg_ctl" stop -D data -m immediate
  rm -rf "$PWD"
`;

async function makeHome(): Promise<Home> {
  const bin = findPrograms();
  const user = findUser();
  const folder = await mkdtemp(join(tmpdir(), 'sse-trigger-postgres-'));
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const spawnOptions = { cwd: folder, ...user };
  const keeper = spawn('sh', ['-c', KEEPER, bin], spawnOptions);
  const ended = once(keeper, 'exit');
  const complaints = text(keeper.stderr);
  const remove = async () => {
    keeper.stdin.end();
    await ended;
  };
  const [status] = await once(keeper.stdout, 'data');
  if (`${status}` === '0\n') return { bin, spawnOptions, remove };
  await remove();
  throw new Error(`initdb failed:\n${await complaints}`);
}

function findPrograms(): string {
  const versions = existsSync(DEBIAN_VERSIONS) ? readdirSync(DEBIAN_VERSIONS) : [];
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a));
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    ...newestFirst.map((version) => join(DEBIAN_VERSIONS, version, 'bin')),
  ];
  const found = folders.find((folder) => existsSync(join(folder, 'postgres')));
  if (found === undefined) throw new Error('there is no PostgreSQL: apt-get install postgresql');
  return found;
}

/** PostgreSQL refuses to run as root, and its Debian package comes with a user for it. */
function findUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (which: string) => Number(execFileSync('id', [which, 'postgres'], { stdio: 'pipe' }));
  try {
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    throw new Error(
      'PostgreSQL does not run as root, and there is no user postgres: apt-get install postgresql',
    );
  }
}
