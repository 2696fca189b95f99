import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Stats } from '../../src/stats.ts';
import { endWithThisProcess } from './end-with-this-process.ts';

const APP = fileURLToPath(new URL('../faults/counter-app.js', import.meta.url));

/** A process of its own that runs the built package. */
export interface CounterProcess extends AsyncDisposable {
  readonly url: string;
  /** Counts one more, and pushes. */
  save(): Promise<boolean>;
  stats(): Promise<Stats>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

export async function startCounter(
  redisUrl: string,
  { poll = 2000, wake = true }: { poll?: number; wake?: boolean } = {},
): Promise<CounterProcess> {
  const env = { ...process.env, REDIS_URL: redisUrl, POLL: `${poll}`, WAKE: wake ? 'on' : 'off' };
  const child = spawn(process.execPath, [APP], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  endWithThisProcess(child);
  const [port] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    exited.then(() => Promise.reject(new Error('the process ended: was the package built?'))),
  ]);
  const url = `http://127.0.0.1:${port}`;
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  return {
    url,
    async save() {
      const answer = await fetch(`${url}/saves`, { method: 'POST' });
      return ((await answer.json()) as { stored: boolean }).stored;
    },
    async stats() {
      return (await (await fetch(`${url}/stats`)).json()) as Stats;
    },
    kill,
    [Symbol.asyncDispose]: kill,
  };
}
