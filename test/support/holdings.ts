import type { Stats } from '../../src/stats.ts';
import type { AppProcess } from './app-process.ts';
import { until } from './until.ts';

/** What a process holds, or holds more than before; `heap` in bytes, the others in number. */
export interface Holdings {
  readonly heap: number;
  readonly files: number;
  readonly handles: number;
  readonly timers: number;
  readonly listeners: number;
  /** That were not collected. */
  readonly responses: number;
}

/**
 * What more there may be, however long it took: what is compiled and cached only once something goes wrong, a connection
 * that was just away before, and one look a feed to come.
 */
const ALLOWED: Holdings = { heap: 4e6, files: 1, handles: 1, timers: 40, listeners: 0, responses: 0 };

/** What `counter-app.js` holds, beside connections of clients, once it has nothing to do but these streams. */
export async function holdingsOf(app: AppProcess, streams: number): Promise<Holdings> {
  await until(async () => {
    const stats = await app.get<Stats>('/stats');
    return stats.streams === streams && stats.unsent === 0 && !stats.storeDown;
  });
  return app.post<Holdings>('/holdings');
}

/** What there is too much of, and how much more than before. */
export function excess(before: Holdings, after: Holdings): Partial<Holdings> {
  const names = Object.keys(ALLOWED) as (keyof Holdings)[];
  const more = names.map((name) => [name, after[name] - before[name]] as const);
  return Object.fromEntries(more.filter(([name, by]) => by > ALLOWED[name]));
}

/** The same, of what is still there after a while: a connection is opened before the one that it replaces has gone. */
export async function lastingExcess(
  before: Holdings,
  look: () => Promise<Holdings>,
): Promise<Partial<Holdings>> {
  let more: Partial<Holdings> = {};
  const isGone = async () => {
    more = excess(before, await look());
    return Object.keys(more).length === 0;
  };
  await until(isGone, 5000).catch(() => {});
  return more;
}
