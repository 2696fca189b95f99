import { Redis } from 'ioredis';
import * as redis6 from 'redis';
import * as redis5 from 'redis5';
import { afterAll, afterEach, beforeAll, beforeEach, expect, expectTypeOf, it } from 'vitest';
import type { Store } from '../../src/store.ts';
import { NodeRedisStore } from '../../src/stores/node-redis-store.ts';
import { RedisStore } from '../../src/stores/redis-store.ts';
import { keeper } from '../support/keeper.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { soon, storeConformance } from './conformance.ts';
import { expectWorking, redisBehaviour } from './redis-behaviour.ts';

let server: RedisServer;
/** Looks at the server as an operator would. */
let admin: Redis;
const { keep, closeAll } = keeper();

beforeAll(async () => {
  server = await startRedis();
});

beforeEach(() => {
  admin = keep(new Redis(server.port, { lazyConnect: true }));
});

afterEach(async () => {
  await admin.flushall();
  await closeAll();
});

afterAll(() => server.stop());

it('takes the clients of both versions as they are typed', () => {
  const scripts = {
    add: redis6.defineScript({
      SCRIPT: 'return 1',
      NUMBER_OF_KEYS: 0,
      parseCommand: () => {},
      transformReply: () => 1,
    }),
  };
  for (const store of [
    new NodeRedisStore(redis5.createClient()),
    new NodeRedisStore(redis5.createClient({ RESP: 3, modules: {} })),
    new NodeRedisStore(
      redis5.createClient({ socket: { host: 'a', tls: true } }).withTypeMapping({ 36: Buffer }),
    ),
    new NodeRedisStore(redis6.createClient()),
    new NodeRedisStore(redis6.createClient({ RESP: 2, scripts })),
    new NodeRedisStore(
      redis6.createClient({ url: 'redis://a', commandOptions: { typeMapping: { 36: Buffer } } }),
    ),
  ]) {
    expectTypeOf(store).toExtend<Store>();
  }
});

it('refuses what is no client of one server, and names the store that takes it', () => {
  const refusal = /needs a client of redis 5 or 6.*RedisStore in 'sse-trigger\/redis'/;
  // @ts-expect-error of another library
  expect(() => new NodeRedisStore(new Redis({ lazyConnect: true }))).toThrow(refusal);
  for (const { createCluster, createSentinel, createClientPool, createClient } of [redis5, redis6]) {
    // @ts-expect-error a cluster
    expect(() => new NodeRedisStore(createCluster({ rootNodes: [] }))).toThrow(refusal);
    const sentinel = { name: 'main', sentinelRootNodes: [{ host: 'a', port: 1 }] };
    // @ts-expect-error by Sentinels
    expect(() => new NodeRedisStore(createSentinel(sentinel))).toThrow(refusal);
    // @ts-expect-error a pool
    expect(() => new NodeRedisStore(createClientPool())).toThrow(refusal);
    // @ts-expect-error with callbacks
    expect(() => new NodeRedisStore(createClient().legacy())).toThrow(refusal);
  }
});

/** Options of a client that must not count for the store. */
const burdens = {
  name: 'ignored',
  keyPrefix: 'ignored:',
  commandOptions: { typeMapping: { 36: Buffer } },
  commandsQueueMaxLength: 10,
};
/** Such that would keep the client itself from working here. */
const unfit = { readonly: true, pingInterval: 10 };

// What the tests call is the same in both, so that one type does for it.
const createClient5 = redis5.createClient as unknown as typeof redis6.createClient;
const clients = { 'node-redis 5': createClient5, 'node-redis 6': redis6.createClient };
/** What each does not speak by default. */
const protocols = { 'node-redis 5': { RESP: 3 }, 'node-redis 6': { RESP: 2 } } as const;

for (const [version, createClient] of Object.entries(clients)) {
  const clientOf = (port: number, options: object = {}) =>
    createClient({ url: `redis://127.0.0.1:${port}`, ...options });

  for (const protocol of [{}, protocols[version as keyof typeof protocols]]) {
    const name = `NodeRedisStore with ${version} ${JSON.stringify(protocol)}`;
    storeConformance(name, ['subscribe', 'writeRaw', 'silence'], async () => {
      const client = clientOf(server.port, { ...burdens, ...protocol });
      await client.connect();
      return {
        store: new NodeRedisStore(client),
        another: () => new NodeRedisStore(client),
        writeRaw: (key, text) => admin.set(`sse:${key}`, text),
        useHandedIn: () => client.ping(),
        silence: async () => {
          await server.kill('SIGSTOP');
          return () => server.kill('SIGCONT');
        },
        dispose: async () => client.destroy(),
      };
    });
  }

  redisBehaviour(`NodeRedisStore with ${version}`, (port, options, { db, ...login } = {}) => {
    return new NodeRedisStore(clientOf(port, { ...burdens, ...unfit, database: db, ...login }), options);
  });

  it(`neither disturbs a client of ${version} that blocks, transacts or subscribes, nor is disturbed by it`, async () => {
    const client = await clientOf(server.port).connect();
    try {
      const store = keep(new NodeRedisStore(client));
      const blocked = client.blPop('list', 0);
      await expectWorking(store, '1-a');
      await admin.rpush('list', 'item');
      expect(await blocked).toMatchObject({ element: 'item' });

      await client.watch('other');
      const transaction = client.multi().set('other', 'value');
      await expectWorking(store, '2-a');
      expect(await transaction.exec()).toEqual(['OK']);

      const messages: string[] = [];
      await client.subscribe('channel', (message) => messages.push(message));
      await expectWorking(store, '3-a');
      await admin.publish('channel', 'hello');
      await until(() => messages.length > 0);
      expect(messages).toEqual(['hello']);
    } finally {
      client.destroy();
    }
  });

  it(`gives back the credentials that connections of ${version} subscribed to, however these end`, async () => {
    let held = 0;
    const credentials = { username: 'default', password: '' };
    const credentialsProvider = {
      type: 'streaming-credentials-provider',
      async subscribe() {
        held += 1;
        return [credentials, { dispose: () => (held -= 1) }];
      },
    };
    const store = keep(new NodeRedisStore(clientOf(server.port, { credentialsProvider })));
    await expectWorking(store, '1-a');
    expect(held).toBe(2);
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal');
    await until(() => held === 0);
    await expectWorking(store, '2-a');
    await store.close();
    expect(held).toBe(0);

    Object.assign(credentials, { username: 'nobody', password: 'wrong' });
    const stranger = keep(new NodeRedisStore(clientOf(server.port, { credentialsProvider })));
    await expect(stranger.read(['a'], soon())).rejects.toThrow('WRONGPASS');
    expect(held).toBe(0);
  });

  for (const [beside, pair] of Object.entries({
    'before a RedisStore': [NodeRedisStore, RedisStore],
    'behind a RedisStore': [RedisStore, NodeRedisStore],
  })) {
    storeConformance(`NodeRedisStore with ${version} ${beside}`, ['subscribe'], () => {
      const [store, other] = pair.map((kind) =>
        kind === RedisStore
          ? new RedisStore(new Redis(server.port, { lazyConnect: true }))
          : new NodeRedisStore(clientOf(server.port)),
      );
      return { store: store!, another: () => other! };
    });
  }
}
