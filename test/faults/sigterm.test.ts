import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { type AppProcess, startApp } from '../support/app-process.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { head } from '../support/serve.ts';
import { until } from '../support/until.ts';

const STREAMS = 1000;
const DRAIN = 2000;
/** Into how many parts of the window the ends are sorted. */
const PARTS = 4;
/** So many saves are answered before the signal. */
const BEFORE = 100;
/** So many are answered when the last stream has ended. */
const LATE = 10;

/** Opens all streams, and gives when each has ended, in milliseconds since `performance.timeOrigin`. */
async function openAll({ url }: AppProcess): Promise<Promise<{ at: number; text: string }>[]> {
  const opened = Array.from({ length: STREAMS }, async () => {
    const answer = (await head(`${url}/stream`)).setEncoding('utf8');
    let text = '';
    answer.on('data', (part) => {
      text += part;
    });
    const ended = new Promise<{ at: number; text: string }>((resolve, reject) => {
      answer.on('end', () => resolve({ at: performance.now(), text }));
      answer.on('error', reject);
    });
    return { ended };
  });
  return (await Promise.all(opened)).map(({ ended }) => ended);
}

interface Underway {
  readonly underWay: number;
  readonly unsent: number;
}

/** Saves, and gives the number of the save when that is answered. */
async function save(app: AppProcess, takes = 0): Promise<number> {
  return (await app.post<{ save: number }>(`/saves?takes=${takes}`)).save;
}

/** Saves again and again, each as soon as the one before was answered, until nobody answers; gives those that were. */
async function* saves(app: AppProcess): AsyncGenerator<number> {
  for (;;) {
    const saved = await save(app).catch(() => undefined);
    if (saved === undefined) return;
    yield saved;
  }
}

async function missing({ port }: RedisServer, saves: readonly number[]): Promise<number[]> {
  const redis = new Redis(port);
  const versions = await redis.mget(saves.map((save) => `sse:save:${save}`));
  redis.disconnect();
  return saves.filter((_, index) => versions[index] === null);
}

describe('C5: SIGTERM, with 1,000 streams open and saves under way,', () => {
  it('ends the streams over the window and then the process by itself, and no push is lost', async () => {
    await using redis = await startRedis();
    await using app = await startApp('draining-app.js', { REDIS_URL: redis.url, DRAIN: `${DRAIN}` });
    const ends = await openAll(app);
    const late = Array.from({ length: LATE }, () => save(app, DRAIN + 500));
    await until(async () => (await app.get<Underway>('/saves')).underWay >= LATE);
    const answered: number[] = [];
    const saving = (async () => {
      for await (const saved of saves(app)) {
        answered.push(saved);
        if (answered.length === BEFORE) app.signal('SIGTERM');
      }
    })();

    const ended = await Promise.all(ends);
    // A busy process hears of its signal late.
    const first = Math.min(...ended.map(({ at }) => at));
    const parts = Array<number>(PARTS).fill(0);
    for (const { at, text } of ended) {
      expect(text).toMatch(/retry: \d+\n\n$/);
      const part = Math.floor(((at - first) / DRAIN) * PARTS);
      parts[Math.min(part, PARTS - 1)]! += 1;
    }
    for (const inPart of parts) expect(inPart).toBeGreaterThan(STREAMS / PARTS / 2);

    expect(await app.ended()).toBe(0);
    expect(app.said).toEqual([]);
    await saving;
    answered.push(...(await Promise.all(late)));
    expect(await missing(redis, answered)).toEqual([]);
  });

  it('writes the pushes that a store which is away just then did not take', async () => {
    await using redis = await startRedis();
    await using app = await startApp('draining-app.js', { REDIS_URL: redis.url, DRAIN: '0' });
    const first = await save(app);
    await until(async () => (await missing(redis, [first])).length === 0);
    await redis.kill('SIGSTOP');
    const unsent = await Promise.all(Array.from({ length: 20 }, () => save(app)));
    await until(async () => (await app.get<Underway>('/saves')).unsent > 0);
    app.signal('SIGTERM');
    await redis.kill('SIGCONT');
    expect(await app.ended()).toBe(0);
    expect(await missing(redis, unsent)).toEqual([]);
  });
});
