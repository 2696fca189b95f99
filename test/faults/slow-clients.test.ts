import { expect, it } from 'vitest';
import type { Stats } from '../../src/stats.ts';
import { startApp } from '../support/app-process.ts';
import { openSlowly } from '../support/slow-clients.ts';
import { openStream, type StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

const SLOW = 500;
const HEALTHY = 20;
const FRAMES = 60;
/** As many have to do to tell how soon they come without slow clients. */
const FRAMES_ALONE = 20;
const FRAME = 20_000;
/** Longer than all the frames take on a machine that is busy, in milliseconds. */
const WRITE_TIMEOUT = 10_000;
/** What else the machine does, in milliseconds. */
const LATE = 100;
/** What a heap of this size moves by without a reason, in bytes. */
const NOISE = 4e6;

interface Memory {
  readonly held: number;
  readonly rss: number;
}

async function nextNumber(client: StreamClient): Promise<number> {
  return Number.parseInt((await client.next()).data!, 10);
}

function median(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)]!;
}

it('C2: 500 clients that take nothing or a byte a second cost a frame each at most, hold up nobody, and are cut off', {
  timeout: 60_000,
}, async () => {
  await using app = await startApp('crowd-app.js', { WRITE_TIMEOUT: `${WRITE_TIMEOUT}` });
  const stats = () => app.get<Stats>('/stats');
  const memory = () => app.post<Memory>('/memory');
  const healthy = await Promise.all(
    Array.from({ length: HEALTHY }, () => openStream(app.url, '/frames', { deadline: 60_000 })),
  );
  await Promise.all(healthy.map(nextNumber));
  let pushed = 0;
  /** Pushes so many frames, each when all who are healthy have the one before; gives how long they took, the longest last. */
  const push = async (frames: number) => {
    const delays: number[] = [];
    while (delays.length < frames) {
      pushed += 1;
      const pushedAt = performance.now();
      expect(await app.post('/frames')).toEqual({ frames: pushed, stored: true });
      expect(await Promise.all(healthy.map(nextNumber))).toEqual(Array(HEALTHY).fill(pushed));
      delays.push(performance.now() - pushedAt);
    }
    return delays.sort((one, other) => one - other);
  };
  const alone = await push(FRAMES_ALONE);
  await using _silent = await openSlowly(app, '/frames', SLOW / 2, 'nothing');
  await using _slow = await openSlowly(app, '/frames', SLOW / 2, 'byte');
  expect((await stats()).streams).toBe(SLOW + HEALTHY);
  const before = await memory();

  const delays = await push(FRAMES);
  const during = await memory();
  const { conflated, closed } = await stats();
  // Many times what is kept, so that a queue would show.
  expect(conflated + closed.stuck).toBeGreaterThan((SLOW * FRAMES) / 3);
  expect(during.held - before.held).toBeLessThan(SLOW * FRAME + NOISE);
  expect(during.rss - before.rss).toBeLessThan(100e6);
  expect(median(delays)).toBeLessThan(median(alone) + LATE);
  expect(delays.at(-1)).toBeLessThan(2000);

  await until(async () => (await stats()).closed.stuck === SLOW, 3 * WRITE_TIMEOUT);
  expect((await stats()).streams).toBe(HEALTHY);
  expect((await memory()).held - before.held).toBeLessThan(NOISE);
  await Promise.all(healthy.map((client) => client[Symbol.asyncDispose]()));
  await until(async () => (await stats()).streams === 0);
});
