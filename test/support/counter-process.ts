import type { Stats } from '../../src/stats.ts';
import { type AppProcess, startApp } from './app-process.ts';

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
  const env = { REDIS_URL: redisUrl, POLL: `${poll}`, WAKE: wake ? 'on' : 'off' };
  const app: AppProcess = await startApp('counter-app.js', env);
  return {
    url: app.url,
    save: async () => (await app.post<{ stored: boolean }>('/saves')).stored,
    stats: () => app.get<Stats>('/stats'),
    kill: () => app.kill(),
    [Symbol.asyncDispose]: () => app.kill(),
  };
}
