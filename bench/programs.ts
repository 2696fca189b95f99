import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { endWithThisProcess } from './end-with-this-process.ts';
import { freePort } from './free-port.ts';
import { until } from './until.ts';

/** Debian keeps some programs in a folder that is on the PATH of root alone. */
export const SBIN = '/usr/sbin';

/** Where Debian's libnginx-mod-nchan has it. */
export const NCHAN = '/usr/lib/nginx/modules/ngx_nchan_module.so';

/** In which programs are found. */
export const environment = { ...process.env, PATH: `${process.env.PATH}${delimiter}${SBIN}` };

/** A program of somebody else's, on a port of 127.0.0.1 and in a temporary folder of its own. */
export class Program implements AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  readonly #process: ChildProcess;
  readonly #folder: string;

  constructor(process: ChildProcess, port: number, folder: string) {
    this.port = port;
    this.pid = process.pid!;
    this.#process = process;
    this.#folder = folder;
  }

  async end(): Promise<void> {
    const child = this.#process;
    if (!isEnded(child)) {
      const exited = once(child, 'exit');
      process.kill(-this.pid, 'SIGKILL');
      await exited;
    }
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}

/** A redis-server that keeps nothing on disk. */
export function startRedis(): Promise<Program> {
  return start(0, (port, folder) => ({
    program: 'redis-server',
    args: ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
  }));
}

/** An nginx with nchan and one worker, whose configuration within `http { server { … } }` is `locations`. */
export function startNginx(port: number, locations: string): Promise<Program> {
  return start(port, async (listened, folder) => {
    await writeFile(join(folder, 'nginx.conf'), nginxConf(listened, folder, locations));
    return { program: 'nginx', args: ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', '/dev/null'] };
  });
}

/** The first process that `pid` has started, or starts soon: nginx listens before it has workers. */
export function firstChildOf(pid: number): Promise<number> {
  return until(async () => Number.parseInt(await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8'), 10));
}

function nginxConf(port: number, folder: string, locations: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
load_module ${NCHAN};
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${folder}/nginx.pid;
error_log /dev/null;
events { worker_connections 16384; }
http {
  access_log off;
  nchan_shared_memory_size 256M;
  ${temporary.map((use) => `${use}_temp_path ${folder};`).join('\n  ')}
  client_body_buffer_size 64k;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    ${locations}
  }
}`;
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

async function start(
  wanted: number,
  toCommand: (port: number, folder: string) => Command | Promise<Command>,
): Promise<Program> {
  const port = wanted || (await freePort());
  const folder = await mkdtemp(join(tmpdir(), 'sse-trigger-bench-'));
  const { program, args } = await toCommand(port, folder);
  // A group of its own, so that one signal ends its workers, too.
  const child = spawn(program, args, { stdio: 'ignore', detached: true, env: environment });
  endWithThisProcess(child, { group: true, folder });
  const failed = new Promise<never>((_, reject) => {
    child.once('error', () => reject(new Error(`${program} cannot be run; is it installed?`)));
    child.once('exit', (code) => reject(new Error(`${program} ended (${code})`)));
  });
  failed.catch(() => {}); // the end of it later is no error
  try {
    await Promise.race([failed, until(() => isEnded(child) || isListening(port))]);
    return new Program(child, port, folder);
  } catch (error) {
    if (child.pid !== undefined && !isEnded(child)) process.kill(-child.pid, 'SIGKILL');
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function isEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** There is no event to wait for: neither program tells both when it listens and where. */
function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
