import { promisify } from 'node:util';
import type { SessionData } from 'express-session';
import { Redis } from 'ioredis';
import { expect, it, vi } from 'vitest';
import { openRedis } from '../../demo/redis.ts';
import { startRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { toSession } from './to-session.ts';

/** A store that is asked as express-session does. */
async function open(url: string) {
  const { sessions, close } = await openRedis(url);
  return {
    get: (id: string) => promisify<string, unknown>(sessions.get).call(sessions, id),
    set: (id: string, session: SessionData) =>
      promisify<string, SessionData>(sessions.set).call(sessions, id, session),
    close,
  };
}

it('keeps sessions in Redis, which any process finds there', async () => {
  await using redis = await startRedis();
  const here = await open(redis.url);
  const there = await open(redis.url);
  await here.set('id', toSession(['alice']));
  expect(await there.get('id')).toMatchObject({ users: ['alice'] });
  here.close();
  there.close();
});

it('fails soon while Redis hangs or is away, and works when it is back', async () => {
  await using redis = await startRedis();
  const sessions = await open(redis.url);
  const isBack = () =>
    sessions.set('id', toSession(['alice'])).then(
      () => true,
      () => false,
    );

  await redis.kill('SIGSTOP');
  const began = performance.now();
  await expect(sessions.get('id')).rejects.toThrow('timed out');
  expect(performance.now() - began).toBeLessThan(3_000);
  await redis.kill('SIGCONT');
  await until(isBack);

  await redis.restart();
  await until(isBack);
  await redis.kill();
  await expect(sessions.get('id')).rejects.toThrow();
  await expect(sessions.get('id')).rejects.toThrow();
  await redis.start();
  await until(isBack);
  sessions.close();
});

it('opens although Redis is away, and says so once an outage', async () => {
  const log = vi.spyOn(console, 'error').mockImplementation(() => {});
  const connecting = vi.spyOn(Redis.prototype, 'connect');
  const threeAttempts = () => {
    connecting.mockClear();
    return until(() => connecting.mock.calls.length === 3);
  };
  const said = () => log.mock.calls.flat();
  const complaint = expect.stringMatching(
    /^Redis cannot be used at REDIS_URL: connect ECONNREFUSED [\d.:]+$/,
  );
  await using redis = await startRedis();
  await redis.kill();
  const sessions = await open(redis.url);
  await expect(sessions.get('id')).rejects.toThrow();
  await threeAttempts();
  expect(said()).toEqual([complaint]);

  await redis.start();
  await until(() =>
    sessions.get('id').then(
      () => true,
      () => false,
    ),
  );
  await redis.kill();
  await threeAttempts();
  expect(said()).toEqual([complaint, complaint]);
  sessions.close();
  vi.restoreAllMocks();
});

it('says which setting is wrong', async () => {
  const complaint = 'Redis cannot be used at REDIS_URL: Invalid URL';
  await expect(openRedis('redis://localhost:99999')).rejects.toThrow(complaint);
});
