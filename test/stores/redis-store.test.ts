import { once } from 'node:events';
import { Cluster as Cluster6, Redis as Redis6 } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import { createClient, createCluster } from 'redis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, expectTypeOf, it } from 'vitest';
import type { Store } from '../../src/store.ts';
import { RedisStore } from '../../src/stores/redis-store.ts';
import { keeper } from '../support/keeper.ts';
import { type RedisSentinels, startSentinels } from '../support/redis-sentinels.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { storeConformance } from './conformance.ts';
import { expectWorking, redisBehaviour } from './redis-behaviour.ts';

let server: RedisServer;
let sentinels: RedisSentinels;
/** Looks at the server as an operator would. */
let admin: Redis6;
const { keep, closeAll } = keeper();

beforeAll(async () => {
  [server, sentinels] = await Promise.all([startRedis(), startSentinels()]);
});

beforeEach(() => {
  admin = keep(new Redis6(server.port, { lazyConnect: true }));
});

afterEach(async () => {
  await admin.flushall();
  await closeAll();
});

afterAll(() => Promise.all([server.stop(), sentinels.stop()]));

it('takes the clients of both versions as they are typed', () => {
  const options = { lazyConnect: true };
  for (const store of [new RedisStore(new Redis5(options)), new RedisStore(new Redis6(options))]) {
    expectTypeOf(store).toExtend<Store>();
  }
  new RedisStore(new Redis6({ ...options, protocol: 3, replyMapping: 'resp3' }));
  new RedisStore(new Cluster5([6379], options));
  new RedisStore(new Cluster6([6379], options));
  new RedisStore(new Cluster6([6379], { ...options, redisOptions: { protocol: 3, replyMapping: 'resp3' } }));
});

it('refuses a client of another library, and names the store that takes it', () => {
  for (const client of [createClient(), createCluster({ rootNodes: [] }), {}, undefined]) {
    expect(() => new RedisStore(client as never)).toThrow(
      /needs a Redis or Cluster of ioredis.*NodeRedisStore/,
    );
  }
});

// What the tests call is the same in both, so that one type does for it.
const versions = { 'ioredis 5': Redis5 as unknown as typeof Redis6, 'ioredis 6': Redis6 };

for (const [version, Redis] of Object.entries(versions)) {
  storeConformance(`RedisStore with ${version}`, ['subscribe', 'writeRaw', 'silence'], () => {
    const client = new Redis(server.port, { keyPrefix: 'ignored:' });
    return {
      store: new RedisStore(client),
      another: () => new RedisStore(client),
      writeRaw: (key, text) => admin.set(`sse:${key}`, text),
      useHandedIn: () => client.ping(),
      silence: async () => {
        await server.kill('SIGSTOP');
        return () => server.kill('SIGCONT');
      },
      dispose: () => client.quit(),
    };
  });

  storeConformance(`RedisStore with ${version} by Sentinels`, ['subscribe', 'writeRaw', 'silence'], () => {
    const { options, primary } = sentinels;
    const client = new Redis({ ...options, keyPrefix: 'ignored:' });
    const raw = new Redis(primary.port);
    return {
      store: new RedisStore(client),
      another: () => new RedisStore(client),
      writeRaw: (key, text) => raw.set(`sse:${key}`, text),
      useHandedIn: () => client.ping(),
      silence: async () => {
        await primary.kill('SIGSTOP');
        return () => primary.kill('SIGCONT');
      },
      dispose: async () => {
        await raw.flushall();
        client.disconnect();
        raw.disconnect();
      },
    };
  });

  redisBehaviour(`RedisStore with ${version}`, (port, options, login) => {
    return new RedisStore(new Redis(port, { host: '127.0.0.1', lazyConnect: true, ...login }), options);
  });

  it(`neither disturbs a client of ${version} that blocks, transacts or subscribes, nor is disturbed by it`, async () => {
    const client = keep(new Redis(server.port));
    const store = keep(new RedisStore(client));
    const blocked = client.blpop('list', 0);
    await expectWorking(store, '1-a');
    await admin.rpush('list', 'item');
    expect(await blocked).toEqual(['list', 'item']);

    await client.multi({ pipeline: false });
    const queued = client.set('other', 'value');
    await expectWorking(store, '2-a');
    expect(await queued).toBe('QUEUED');
    expect(await client.exec()).toEqual([[null, 'OK']]);

    await client.subscribe('channel');
    await expectWorking(store, '3-a');
    const message = once(client, 'message');
    await admin.publish('channel', 'hello');
    expect(await message).toEqual(['channel', 'hello']);
  });
}
