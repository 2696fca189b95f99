import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { endWithThisProcess } from '../support/end-with-this-process.ts';

export interface Demo extends AsyncDisposable {
  readonly url: string;
  readonly port: string;
  /** Ends it as Ctrl-C does, and gives its exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL for all of its processes. */
  kill(): Promise<void>;
}

/** What a developer may have set in the shell does not count. */
const DEFAULTS = {
  PORT: '0',
  HOST: '127.0.0.1',
  REDIS_URL: '',
  DATABASE_URL: '',
  DATABASE_FILE: ':memory:',
  SESSION_SECRET: '',
};

/** The demo as `npm run demo` starts it, on a free port, with nothing in its database. */
export async function startDemo(env: NodeJS.ProcessEnv = {}): Promise<Demo> {
  const child = spawn(process.execPath, ['demo/start.js'], {
    env: { ...process.env, ...DEFAULTS, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // It has a process of its own for the server. In a group, both can be killed in one moment.
    detached: true,
  });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  endWithThisProcess(child);
  const url = new URL(await saidUrl(child));
  const kill = async () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL');
    await ended;
  };
  return {
    url: url.href,
    port: url.port,
    async stop() {
      child.kill('SIGINT');
      const [code] = await ended;
      return code;
    },
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

function saidUrl(child: ReturnType<typeof spawn>): Promise<string> {
  const said: string[] = [];
  return new Promise((resolve, reject) => {
    const hear = (line: string) => {
      said.push(line);
      const url = /rings at (\S+)/.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    };
    createInterface(child.stdout!).on('line', hear);
    createInterface(child.stderr!).on('line', hear);
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`the demo ended:\n${said.join('\n')}`)));
  });
}
