import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { startCounter } from '../support/counter-process.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { openStream, type StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

const PATH = '/count/stream';
/** A poll that no test lives to see. */
const NEVER = 1_000_000;

/** Runs redis-cli, and gives what it prints. */
async function cli({ port }: RedisServer, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('redis-cli', ['-p', `${port}`, ...args]);
  return stdout;
}

async function count(client: StreamClient): Promise<number> {
  return (JSON.parse((await client.next()).data!) as { count: number }).count;
}

describe('two processes with one Redis', () => {
  it('see the pushes of each other at once, through the wake', async () => {
    await using redis = await startRedis();
    await using here = await startCounter(redis.url, { poll: NEVER });
    await using there = await startCounter(redis.url, { poll: NEVER });
    await using viewer = await openStream(there.url, PATH);
    expect(await count(viewer)).toBe(0);
    await until(async () => (await cli(redis, 'PUBSUB', 'NUMSUB', 'sse:wake:0')).includes('1'));

    expect(await here.save()).toBe(true);
    expect(await count(viewer)).toBe(1);
  });

  it('see them with the poll where waking is off', async () => {
    await using redis = await startRedis();
    await using here = await startCounter(redis.url, { poll: 200, wake: false });
    await using there = await startCounter(redis.url, { poll: 200, wake: false });
    await using viewer = await openStream(there.url, PATH);
    expect(await count(viewer)).toBe(0);
    expect(await here.save()).toBe(true);
    expect(await count(viewer)).toBe(1);
  });
});

describe('a push by any other program', () => {
  it('is `redis-cli SET sse:<key>` with anything unique', async () => {
    await using redis = await startRedis();
    await using app = await startCounter(redis.url, { poll: 200 });
    await using viewer = await openStream(app.url, PATH);
    expect(await count(viewer)).toBe(0);
    await cli(redis, 'SET', 'count', '42');
    await cli(redis, 'SET', 'sse:count', 'anything unique');
    expect(await count(viewer)).toBe(42);
  });
});

describe('a client that comes back with its last id', () => {
  const comeBack = (url: string, id: string) => openStream(url, PATH, { headers: { 'last-event-id': id } });

  async function leaveWithId(url: string): Promise<string> {
    await using viewer = await openStream(url, PATH);
    const { id } = await viewer.next();
    return id!;
  }

  it('runs nothing while nothing was pushed: in the same process, in another one, and after a restart', async () => {
    await using redis = await startRedis();
    await using first = await startCounter(redis.url);
    const id = await leaveWithId(first.url);

    await using _inTheSame = await comeBack(first.url, id);
    await until(async () => (await first.stats()).resumed === 1);
    expect(await first.stats()).toMatchObject({ runs: 1, frames: 1 });

    await using other = await startCounter(redis.url);
    await using _inAnother = await comeBack(other.url, id);
    await until(async () => (await other.stats()).resumed === 1);
    expect(await other.stats()).toMatchObject({ runs: 0, frames: 0 });

    await first.kill();
    await using restarted = await startCounter(redis.url);
    await using back = await comeBack(restarted.url, id);
    await until(async () => (await restarted.stats()).resumed === 1);
    expect(await restarted.stats()).toMatchObject({ runs: 0, frames: 0 });

    expect(await other.save()).toBe(true);
    expect(await count(back)).toBe(1);
  });

  it('gets a frame after a push in between', async () => {
    await using redis = await startRedis();
    await using app = await startCounter(redis.url);
    const id = await leaveWithId(app.url);
    expect(await app.save()).toBe(true);
    await using back = await comeBack(app.url, id);
    expect(await count(back)).toBe(1);
  });

  it('gets a frame after Redis was restarted from an older snapshot in between (S5)', async () => {
    await using redis = await startRedis();
    await using app = await startCounter(redis.url, { poll: 200 });
    const id = await leaveWithId(app.url);
    // The version in this snapshot is the very one that the client shows.
    await cli(redis, 'SAVE');
    expect(await app.save()).toBe(true);
    await redis.restart();

    await using back = await comeBack(app.url, id);
    expect(await count(back)).toBe(0);
    expect((await app.stats()).resumed).toBe(0);
  });
});

describe('a Redis that is killed while a stream is open, and comes back empty', () => {
  it('ends no stream and logs nobody out; the next push is seen (S2)', async () => {
    await using redis = await startRedis();
    await using app = await startCounter(redis.url, { poll: 200 });
    await using viewer = await openStream(app.url, PATH);
    expect(await count(viewer)).toBe(0);
    await redis.kill();
    await until(async () => (await app.stats()).storeDown);
    await redis.start();
    await until(async () => !(await app.stats()).storeDown);
    expect(await app.save()).toBe(true);
    expect(await count(viewer)).toBe(1);
  });
});
