import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { Stats } from '../../src/stats.ts';
import { type AppProcess, startApp } from '../support/app-process.ts';
import { fileLimit } from '../support/file-limit.ts';
import { startRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

const CLIENT = fileURLToPath(new URL('crowd-client.js', import.meta.url));
/** As many as the machine lets one process have, beside what else that has open. */
const CROWD = Math.min(10_000, fileLimit() - 100);
const MAX_RUNS = 32;
/** What else the machine does holds up now the one and now the other: the least of some rounds is compared. */
const ROUNDS = 3;
/** In milliseconds. */
const NOISE = 200;

/** Resolves when each of the crowd has got what is for it. All leave when it is disposed of. */
async function comeAtOnce({ port }: AppProcess, prefix: string): Promise<AsyncDisposable> {
  const env = { ...process.env, PORT: `${port}`, PREFIX: prefix, COUNT: `${CROWD}` };
  const child = spawn(process.execPath, [CLIENT], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => Promise.reject(new Error('the crowd ended before it was there'))),
  ]);
  return {
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}

it(`C3: ${CROWD} streams that open at once run ${MAX_RUNS} callbacks at a time, are read in batches, and stall nobody longer than bare Express`, {
  timeout: 120_000,
}, async () => {
  await using redis = await startRedis();
  await using app = await startApp('crowd-app.js', { REDIS_URL: redis.url, MAX_RUNS: `${MAX_RUNS}` });
  const stats = () => app.get<Stats & { mostRuns: number }>('/stats');
  const goneAgain = () => until(async () => (await stats()).streams === 0, 20_000);
  const reads = async () => {
    const { stdout } = await promisify(execFile)('redis-cli', [
      '-p',
      `${redis.port}`,
      'INFO',
      'commandstats',
    ]);
    return Number(/cmdstat_mget:calls=(\d+)/.exec(stdout)?.[1] ?? 0);
  };
  /** The longest that the event loop was held up while the crowd came, in milliseconds. */
  const stall = async (prefix: string) => {
    await app.post('/stall');
    await using _ = await comeAtOnce(app, prefix);
    return (await app.post<{ ms: number }>('/stall')).ms;
  };

  // What is slow only because it happens for the first time is not compared.
  for (const prefix of ['/bare', '/own']) await stall(prefix);
  await goneAgain();
  const before = { ...(await stats()), reads: await reads() };
  const ours: number[] = [];
  const bare: number[] = [];
  const isNoLonger = () => Math.min(...ours) < Math.min(...bare) + NOISE;
  while (ours.length < ROUNDS && !isNoLonger()) {
    bare.push(await stall('/bare'));
    ours.push(await stall('/own'));
    await goneAgain();
  }
  expect(isNoLonger(), `held up for ${ours} ms, and bare Express for ${bare} ms`).toBe(true);
  const came = CROWD * ours.length;
  const after = { ...(await stats()), reads: await reads() };
  expect(after).toMatchObject({ mostRuns: MAX_RUNS, failures: 0 });
  expect(after.frames - before.frames).toBe(came);
  // Once each, and once more for those whose version the store could not tell in time.
  expect(after.runs - before.runs).toBeGreaterThanOrEqual(came);
  expect(after.runs - before.runs).toBeLessThan(2 * came);
  expect(after.reads - before.reads).toBeLessThan(came / 20);
});
