import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { endWithThisProcess } from '../support/end-with-this-process.ts';

export interface Demo {
  readonly url: string;
  /** Ends it, by default as Ctrl-C does, and gives its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** The demo as `npm run demo` starts it, in a process of its own, on a free port, with nothing in its database. */
export async function startDemo(env: NodeJS.ProcessEnv = {}): Promise<Demo> {
  const child = spawn(process.execPath, ['demo/start.js'], {
    env: { ...process.env, PORT: '0', DATABASE_FILE: ':memory:', REDIS_URL: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  endWithThisProcess(child);
  const said: string[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    const hear = (line: string) => {
      said.push(line);
      const address = /rings at (\S+)/.exec(line)?.[1];
      if (address !== undefined) resolve(address);
    };
    createInterface(child.stdout).on('line', hear);
    createInterface(child.stderr).on('line', hear);
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`the demo ended:\n${said.join('\n')}`)));
  });
  return {
    url,
    async stop(signal = 'SIGINT') {
      child.kill(signal);
      const [code] = await ended;
      return code;
    },
  };
}
