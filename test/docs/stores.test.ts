import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { Redis } from 'ioredis';
import { SseTrigger, type SseTriggerError, streamSse } from 'sse-trigger';
import { RedisStore } from 'sse-trigger/redis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SqliteStore } from '../../docs/examples/stores/sqlite-store.ts';
import { Sqlite } from '../orm/sqlite.ts';
import { storeConformance } from '../stores/conformance.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { openStream } from '../support/stream-client.ts';
import { until } from '../support/until.ts';
import { read } from './pages.ts';

let redisServer: RedisServer;
beforeAll(async () => {
  redisServer = await startRedis();
  process.env.REDIS_URL = redisServer.url;
});
afterAll(() => redisServer.stop());

storeConformance('the SqliteStore of the page', [], () => {
  const folder = mkdtempSync(join(tmpdir(), 'sse-trigger-sqlite-'));
  const open = () => new SqliteStore(new Sqlite(join(folder, 'versions.sqlite')));
  return { store: open(), another: open, dispose: () => rm(folder, { recursive: true }) };
});

it('streams of another process see a push with their next poll, by the SqliteStore of the page', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sse-trigger-sqlite-'));
  const process = () => {
    const store = new SqliteStore(new Sqlite(join(folder, 'versions.sqlite')));
    return new SseTrigger({ store, poll: 50 });
  };
  const [here, there] = [process(), process()];
  let count = 0;
  const app = express().get('/', streamSse(here, { key: 'count', data: () => count }));
  await using stream = await openStream(app, '/');
  expect(await stream.next()).toMatchObject({ data: '0' });
  count = 1;
  expect(await there.push('count')).toBe(true);
  expect(await stream.next()).toMatchObject({ data: '1' });
  await here.close();
  await there.close();
  await rm(folder, { recursive: true });
});

it('Redis has versions at the prefix, and connections of the store under their names', async () => {
  const { redis, trigger } = await import('../../docs/examples/stores/redis.ts');
  const app = express().get('/', streamSse(trigger, { key: 'count', data: () => 1 }));
  await using stream = await openStream(app, '/');
  await stream.next();
  expect(await trigger.push('orders:42')).toBe(true);
  expect(await redis.get('shop:sse:orders:42')).toMatch(/^\d{16}-[0-9a-f]{16}$/);
  const namesOf = async () => `${await redis.client('LIST')}`.match(/sse-trigger:\w+/g)?.sort();
  await until(async () => (await namesOf())?.length === 3);
  expect(await namesOf()).toEqual(['sse-trigger:read', 'sse-trigger:wake', 'sse-trigger:write']);
  await trigger.close();
  redis.disconnect();
});

it('a client of node-redis that was never connected tells how to reach Redis', async () => {
  const { trigger } = await import('../../docs/examples/stores/node-redis.ts');
  expect(await trigger.push('orders:43')).toBe(true);
  const redis = new Redis(process.env.REDIS_URL!);
  expect(await redis.get('sse:orders:43')).toMatch(/^\d{16}-[0-9a-f]{16}$/);
  await trigger.close();
  redis.disconnect();
});

it('Keyv has them, too', async () => {
  const { keyv, trigger } = await import('../../docs/examples/stores/keyv.ts');
  expect(await trigger.push('orders:42')).toBe(true);
  expect(await keyv.get('sse:orders:42')).toMatch(/^\d{16}-[0-9a-f]{16}$/);
  await trigger.close();
  await keyv.disconnect();
});

it('the ACL of the page is enough for streams, pushes and wakes', async () => {
  const admin = new Redis(redisServer.port);
  const [, rule] = /redis-cli (ACL SETUSER .*)$/m.exec(read('docs/stores.md'))!;
  const [command = '', ...args] = rule!.replaceAll("'", '').split(' ');
  await admin.call(command, ...args);
  const errors: SseTriggerError[] = [];
  const process = () => {
    const client = new Redis(redisServer.port, { username: 'app', password: 'secret', lazyConnect: true });
    const store = new RedisStore(client);
    return new SseTrigger({ store, poll: 60_000, onError: (error) => errors.push(error) });
  };
  const [here, there] = [process(), process()];
  let count = 0;
  const app = express().get('/', streamSse(here, { key: 'count', data: () => count }));
  await using stream = await openStream(app, '/');
  expect(await stream.next()).toMatchObject({ data: '0' });
  await until(async () => (await admin.pubsub('NUMSUB', 'sse:wake:0'))[1] === 1);
  count = 1;
  expect(await there.push('count')).toBe(true);
  // Long before the poll.
  expect(await stream.next()).toMatchObject({ data: '1' });
  expect(errors).toEqual([]);
  await here.close();
  await there.close();
  admin.disconnect();
});
