import { once } from 'node:events';
import { createServer } from 'node:net';
import { Cluster as Cluster6, Redis as Redis6 } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest';
import type { Reading, Store } from '../../src/store.ts';
import { RedisStore, type RedisStoreOptions } from '../../src/stores/redis-store.ts';
import { freePort } from '../support/free-port.ts';
import { type RedisSentinels, startSentinels } from '../support/redis-sentinels.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { openTunnel } from '../support/tunnel.ts';
import { until } from '../support/until.ts';
import { identityOf, soon, storeConformance, tokensOf } from './conformance.ts';

let server: RedisServer;
let sentinels: RedisSentinels;
/** Looks at the server as an operator would. */
let admin: Redis6;
const opened: { close?(): Promise<unknown>; disconnect?(): void }[] = [];

beforeAll(async () => {
  [server, sentinels] = await Promise.all([startRedis(), startSentinels()]);
});

beforeEach(() => {
  admin = keep(new Redis6(server.port, { lazyConnect: true }));
});

afterEach(async () => {
  await admin.flushall();
  for (const { close, disconnect } of opened.splice(0)) await (close ?? disconnect)?.();
});

afterAll(() => Promise.all([server.stop(), sentinels.stop()]));

/** Has it closed after the test. */
function keep<T extends { close(): Promise<unknown> } | { disconnect(): void }>(thing: T): T {
  opened.push({
    ...('close' in thing && { close: () => thing.close() }),
    ...('disconnect' in thing && { disconnect: () => thing.disconnect() }),
  });
  return thing;
}

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

  describe(`RedisStore with ${version}`, () => {
    const storeFor = (options: RedisStoreOptions = {}, credentials = {}) => {
      const client = keep(new Redis(server.port, { lazyConnect: true, ...credentials }));
      return keep(new RedisStore(client, options));
    };
    const read = (store: RedisStore, ...keys: string[]) => store.read(keys, soon());
    /** The first call after a connection was lost may be the one that notices. */
    const untilRead = (store: RedisStore, key: string) =>
      until<readonly Reading[] | undefined>(() => read(store, key).catch(() => undefined)).then(
        (readings) => readings!,
      );
    const write = (store: RedisStore, key: string, token: string) =>
      store.write(new Map([[key, token]]), soon());
    const add = (store: RedisStore, key: string, token: string) => store.add(new Map([[key, token]]), soon());
    /** A store that logs in as a user with these ACL rules. */
    const storeOf = async (rules: string, options: RedisStoreOptions = {}) => {
      await admin.acl('SETUSER', 'app', 'reset', 'on', '>secret', '~*', '&*', '+@all', ...rules.split(' '));
      return storeFor(options, { username: 'app', password: 'secret' });
    };
    /** The connections of a store, by what they are for. */
    const connections = async (use = '') => {
      const list = (await admin.client('LIST')) as string;
      return [...list.matchAll(/^id=(\d+).* name=(sse-trigger:\S+)/gm)]
        .map(([, id, name]) => ({ id: id!, name: name! }))
        .filter(({ name }) => name.includes(use));
    };

    it('keeps a version at prefix and key for the given time, 10 % more or less', async () => {
      const store = storeFor({ prefix: 'mine:', ttl: 10_000 });
      await write(store, 'a', '1-a');
      await add(store, 'b', '1-b');
      expect(await admin.mget('mine:a', 'mine:b')).toEqual(['1-a', '1-b']);
      for (const key of ['mine:a', 'mine:b']) {
        const left = await admin.pttl(key);
        expect(left).toBeGreaterThan(8_000);
        expect(left).toBeLessThanOrEqual(11_000);
      }
    });

    it('makes no connection before it needs one', async () => {
      const store = storeFor();
      expect(await connections()).toEqual([]);
      await write(store, 'a', '1-a');
      expect((await connections()).map(({ name }) => name)).toEqual(['sse-trigger:write']);
    });

    it('rejects at once while nobody listens at the port, and works when somebody does', async () => {
      const port = await freePort();
      const client = keep(new Redis(port, { lazyConnect: true }));
      const store = keep(new RedisStore(client));
      await expect(read(store, 'a')).rejects.toThrow(/no connection to Redis: .*ECONNREFUSED/);
      await expect(write(store, 'a', '1-a')).rejects.toThrow(/ECONNREFUSED/);
      await using late = await startRedis({ port });
      await write(store, 'a', '1-a');
      expect(tokensOf(await read(store, 'a'))).toEqual(['1-a']);
      expect(late.port).toBe(port);
    });

    it('rejects when the signal aborts while a listener accepts and never answers (S3)', async () => {
      const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const { port } = silent.address() as { port: number };
      const client = keep(new Redis(port, { host: '127.0.0.1', lazyConnect: true }));
      const store = keep(new RedisStore(client));
      const began = performance.now();
      await expect(store.read(['a'], AbortSignal.timeout(100))).rejects.toMatchObject({
        name: 'TimeoutError',
      });
      expect(performance.now() - began).toBeLessThan(1_000);
      await store.close();
      silent.close();
      await once(silent, 'close');
    });

    it('gives up a server that accepts and never answers in time to find its successor', async () => {
      let connections = 0;
      const silent = createServer((socket) => {
        connections += 1;
        socket.resume();
      }).listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const { port } = silent.address() as { port: number };
      const client = keep(new Redis(port, { host: '127.0.0.1', lazyConnect: true }));
      const store = keep(new RedisStore(client));
      await until(async () => {
        await expect(store.read(['a'], AbortSignal.timeout(100))).rejects.toThrow();
        return connections > 1;
      }, 3_000);
      await store.close();
      silent.close();
    });

    it('recovers by itself from a restart, and names another data set after it', async () => {
      await using own = await startRedis();
      const client = keep(new Redis(own.port, { lazyConnect: true }));
      const store = keep(new RedisStore(client));
      await write(store, 'a', '1-a');
      const [before] = await read(store, 'a');
      await own.kill();
      await expect(read(store, 'a')).rejects.toThrow('no connection to Redis');
      await expect(write(store, 'a', '2-a')).rejects.toThrow('no connection to Redis');
      await own.start();
      expect(await read(store, 'a')).toEqual([undefined]);
      await write(store, 'a', '3-a');
      const [after] = await read(store, 'a');
      expect(identityOf(after)).not.toBe(identityOf(before));
    });

    it('names another data set after a restart from a snapshot, although the version is the same (S5)', async () => {
      await using own = await startRedis();
      const client = keep(new Redis(own.port, { lazyConnect: true }));
      const store = keep(new RedisStore(client));
      await write(store, 'a', '1-a');
      const operator = keep(new Redis6(own.port));
      await operator.save();
      operator.disconnect();
      const [before] = await read(store, 'a');
      await own.restart();
      const [after] = await untilRead(store, 'a');
      expect(tokensOf([before, after])).toEqual(['1-a', '1-a']);
      expect(identityOf(after)).not.toBe(identityOf(before));
    });

    it('names the same data set after a lost connection (S5)', async () => {
      const store = storeFor();
      await write(store, 'a', '1-a');
      const before = await read(store, 'a');
      for (const { id } of await connections()) await admin.client('KILL', 'ID', id);
      const after = await untilRead(store, 'a');
      expect(after).toEqual(before);
    });

    it('names each connection another data set where INFO is refused', async () => {
      const warn = vi.spyOn(console, 'warn');
      const store = await storeOf('-info');
      await write(store, 'a', '1-a');
      const [before] = await read(store, 'a');
      expect(await read(store, 'a')).toEqual([before]);
      const [connection] = await connections('read');
      await admin.client('KILL', 'ID', connection!.id);
      const [after] = await untilRead(store, 'a');
      expect(tokensOf([after])).toEqual(['1-a']);
      expect(identityOf(after)).not.toBe(identityOf(before));
      expect(warn).not.toHaveBeenCalled();
      warn.mockRestore();
    });

    it('gives an Error for the one key that may not be read', async () => {
      const store = await storeOf('resetkeys ~sse:open:*');
      await admin.set('sse:open:a', '1-a');
      await admin.hset('sse:open:hash', 'field', 'value');
      const [a, secret, hash, missing] = await read(store, 'open:a', 'secret:b', 'open:hash', 'open:missing');
      expect(tokensOf([a, hash, missing])).toEqual(['1-a', undefined, undefined]);
      expect(secret).toBeInstanceOf(Error);
      expect(secret).toHaveProperty('message', expect.stringContaining('NOPERM'));
    });

    it('rejects a write that is refused, says why, and writes the rest (S10)', async () => {
      const store = await storeOf('resetkeys ~sse:open:*');
      const both = new Map([
        ['secret:b', '1-b'],
        ['open:a', '1-a'],
      ]);
      await expect(store.write(both, soon())).rejects.toThrow(/Redis refused secret:b: NOPERM/);
      expect(tokensOf(await read(store, 'open:a'))).toEqual(['1-a']);
    });

    it('leaves the refusal of an added version to the next read', async () => {
      const store = await storeOf('-set');
      await add(store, 'a', '1-a');
      expect(await read(store, 'a')).toEqual([undefined]);
    });

    it('finds no version at a key of another type, and adds none there (S13)', async () => {
      const store = storeFor();
      await admin.hset('sse:hash', 'field', 'value');
      await add(store, 'hash', '1-a');
      expect(await read(store, 'hash')).toEqual([undefined]);
      await write(store, 'hash', '2-a');
      expect(tokensOf(await read(store, 'hash'))).toEqual(['2-a']);
    });

    it('rejects while the server has no memory left, and recovers on the same connection (S10)', async () => {
      const store = storeFor();
      await write(store, 'a', '1-a');
      const before = await connections('write');
      await admin.config('SET', 'maxmemory', '1');
      await expect(write(store, 'a', '2-a')).rejects.toThrow(/Redis refused a: OOM/);
      await admin.config('SET', 'maxmemory', '0');
      await write(store, 'a', '3-a');
      expect(await connections('write')).toEqual(before);
    });

    it('rejects with the reason when the password is wrong or missing (S10)', async () => {
      await using own = await startRedis({ args: ['--requirepass', 'secret'] });
      for (const password of [undefined, 'wrong']) {
        const credentials = password === undefined ? {} : { password };
        const client = keep(new Redis(own.port, { lazyConnect: true, ...credentials }));
        const store = keep(new RedisStore(client));
        await expect(read(store, 'a')).rejects.toThrow(password === undefined ? 'NOAUTH' : 'WRONGPASS');
        await expect(write(store, 'a', '1-a')).rejects.toThrow(
          password === undefined ? 'NOAUTH' : 'WRONGPASS',
        );
      }
    });

    it('uses the database of the client, and no other when that one does not exist', async () => {
      const store = storeFor({}, { db: 3 });
      await write(store, 'a', '1-a');
      expect(await admin.get('sse:a')).toBeNull();
      await admin.select(3);
      expect(await admin.get('sse:a')).toBe('1-a');
      await expect(write(storeFor({}, { db: 99 }), 'a', '1-a')).rejects.toThrow(/DB index/);
    });

    it('leaves a primary that was made a replica, and says so (S10, S13)', async () => {
      await using own = await startRedis();
      const client = keep(new Redis(own.port, { lazyConnect: true }));
      const store = keep(new RedisStore(client));
      await write(store, 'a', '1-a');
      const [before] = await read(store, 'a');
      const operator = keep(new Redis6(own.port));
      await operator.replicaof('127.0.0.1', server.port);
      await expect(write(store, 'a', '2-a')).rejects.toThrow(/READONLY/);
      await expect(read(store, 'a')).rejects.toThrow('answers as a replica');
      await until(async () => /master_link_status:up/.test(await operator.info('replication')));
      await until(async () => !String(await operator.client('LIST')).includes('sse-trigger'));
      await operator.replicaof('NO', 'ONE');
      await write(store, 'a', '3-a');
      const [after] = await read(store, 'a');
      expect(identityOf(after)).not.toBe(identityOf(before));
    });

    it('neither disturbs a client that blocks, transacts or subscribes, nor is disturbed by it', async () => {
      const client = keep(new Redis(server.port));
      const store = keep(new RedisStore(client));
      const blocked = client.blpop('list', 0);
      await write(store, 'a', '1-a');
      expect(tokensOf(await read(store, 'a'))).toEqual(['1-a']);
      await admin.rpush('list', 'item');
      expect(await blocked).toEqual(['list', 'item']);

      await client.multi({ pipeline: false });
      const queued = client.set('other', 'value');
      await write(store, 'a', '2-a');
      expect(await queued).toBe('QUEUED');
      expect(await client.exec()).toEqual([[null, 'OK']]);

      await client.subscribe('channel');
      await write(store, 'a', '3-a');
      expect(tokensOf(await read(store, 'a'))).toEqual(['3-a']);
      const message = once(client, 'message');
      await admin.publish('channel', 'hello');
      expect(await message).toEqual(['channel', 'hello']);
    });

    it('rejects what is under way when it is closed, and all that comes later', async () => {
      const store = storeFor();
      await write(store, 'a', '1-a');
      await read(store, 'a');
      await server.kill('SIGSTOP');
      try {
        const calls = [read(store, 'a'), write(store, 'a', '2-a')];
        const outcomes = Promise.allSettled(calls);
        await store.close();
        for (const { status } of await outcomes) expect(status).toBe('rejected');
      } finally {
        await server.kill('SIGCONT');
      }
      await expect(read(store, 'a')).rejects.toThrow('closed');
      await expect(write(store, 'a', '3-a')).rejects.toThrow('closed');
      store.subscribe(() => {}, unexpected)();
      await until(async () => (await connections()).length === 0);
    });

    describe('its wakes', () => {
      const subscribed = async (store: RedisStore, onError: (error: unknown) => void = unexpected) => {
        const wakes: string[] = [];
        const stop = store.subscribe((key, version) => wakes.push(`${key} ${version}`), onError);
        await until(async () => (await admin.pubsub('NUMSUB', 'sse:wake:0'))[1] === 1);
        return { wakes, stop };
      };

      it('stay within a database', async () => {
        const { wakes, stop } = await subscribed(storeFor());
        await write(storeFor({}, { db: 1 }), 'a', '1-elsewhere');
        await write(storeFor(), 'a', '1-here');
        await until(() => wakes.length > 0);
        expect(wakes).toEqual(['a 1-here']);
        stop();
      });

      it('of many versions come in several messages', async () => {
        const { wakes, stop } = await subscribed(storeFor());
        const keys = Array.from({ length: 1_000 }, (_, index) => `${index}`.padStart(500, '0'));
        await storeFor().write(new Map(keys.map((key) => [key, '1-a'])), soon());
        await until(() => wakes.length >= keys.length);
        expect(wakes).toEqual(keys.map((key) => `${key} 1-a`));
        stop();
      });

      it('that make no sense are passed over', async () => {
        const { wakes, stop } = await subscribed(storeFor());
        await admin.publish('sse:wake:0', '\n\nnonsense\n key\nversion \n1-b key with spaces');
        await until(() => wakes.length > 0);
        expect(wakes).toEqual(['key with spaces 1-b']);
        stop();
      });

      it('come again after the connection was lost, without a complaint', async () => {
        const store = storeFor();
        const { wakes, stop } = await subscribed(store);
        const [connection] = await connections('wake');
        await admin.client('KILL', 'ID', connection!.id);
        await until(async () => (await connections('wake')).some(({ id }) => id !== connection!.id));
        await until(async () => (await admin.pubsub('NUMSUB', 'sse:wake:0'))[1] === 1);
        await write(store, 'a', '1-a');
        await until(() => wakes.length > 0);
        stop();
      });

      it('need a connection only while somebody listens', async () => {
        const store = storeFor();
        const first = await subscribed(store);
        const stop = store.subscribe(() => {}, unexpected);
        first.stop();
        expect(await connections('wake')).toHaveLength(1);
        stop();
        await until(async () => (await connections('wake')).length === 0);
        const again = await subscribed(store);
        again.stop();
      });

      it('are neither sent nor heard with wake: false', async () => {
        const { wakes, stop } = await subscribed(storeFor());
        const quiet = storeFor({ wake: false });
        quiet.subscribe(unexpected, unexpected)();
        await write(quiet, 'a', '1-quiet');
        await write(storeFor(), 'a', '2-loud');
        await until(() => wakes.length > 0);
        expect(wakes).toEqual(['a 2-loud']);
        stop();
      });

      it('that may not be published leave the write true, and are told once an outage (S13)', async () => {
        const errors: unknown[] = [];
        const store = await storeOf('-publish');
        await write(store, 'a', '1-a');
        const { stop } = await subscribed(store, (error) => errors.push(error));
        expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining('NOPERM') })]);
        await write(store, 'a', '2-a');
        expect(errors).toHaveLength(1);
        await admin.acl('SETUSER', 'app', '+publish');
        await write(store, 'a', '3-a');
        await admin.acl('SETUSER', 'app', '-publish');
        await write(store, 'a', '4-a');
        expect(errors).toHaveLength(2);
        expect(tokensOf(await read(store, 'a'))).toEqual(['4-a']);
        stop();
      });

      it('come along with what they tell of, but wait for the answer while Redis refuses to write', async () => {
        const { wakes, stop } = await subscribed(storeFor());
        const store = await storeOf('resetkeys ~sse:a');
        const versions = (count: number) =>
          new Map(['a', 'b'].map((key) => [key, `${count}-${key}`] as const));
        for (const count of [1, 2, 3]) {
          await expect(store.write(versions(count), AbortSignal.timeout(1000))).rejects.toThrow('NOPERM');
        }
        await write(store, 'a', '4-a');
        await write(store, 'a', '5-a');
        await until(() => wakes.includes('a 5-a'));
        // What was refused first has already been told of.
        expect(wakes).toEqual(['a 1-a', 'b 1-b', 'a 2-a', 'a 3-a', 'a 4-a', 'a 5-a']);
        stop();
      });

      it('go out once and not with every retry while the server is a replica', async () => {
        await using own = await startRedis();
        const client = keep(new Redis(own.port, { lazyConnect: true }));
        const operator = keep(new Redis6(own.port));
        const wakes: string[] = [];
        const listener = keep(new Redis6(own.port));
        listener.on('message', (_, message: string) => wakes.push(message));
        await listener.subscribe('sse:wake:0');
        const store = keep(new RedisStore(client));
        await write(store, 'a', '1-a');
        await operator.replicaof('127.0.0.1', 1);
        for (const count of [2, 3, 4]) {
          await expect(write(store, 'a', `${count}-a`)).rejects.toThrow(/READONLY/);
        }
        await operator.replicaof('NO', 'ONE');
        await write(store, 'a', '5-a');
        await until(() => wakes.includes('5-a a'));
        expect(wakes).toEqual(['1-a a', '2-a a', '5-a a']);
      });

      it('that may not be received are told once, and everything else works', async () => {
        const errors: unknown[] = [];
        const store = await storeOf('-subscribe');
        const stop = store.subscribe(unexpected, (error) => errors.push(error));
        await until(() => errors.length > 0);
        await write(store, 'a', '1-a');
        expect(tokensOf(await read(store, 'a'))).toEqual(['1-a']);
        expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining('NOPERM') })]);
        stop();
      });

      it('are told to fail when the server does not take the subscription, and come when it does', async () => {
        const tunnel = await openTunnel(server.port);
        tunnel.stops = /subscribe/i;
        const store = keep(new RedisStore(keep(new Redis(tunnel.port, { lazyConnect: true }))));
        const errors: unknown[] = [];
        const wakes: string[] = [];
        const stop = store.subscribe(
          (key) => wakes.push(key),
          (error) => errors.push(error),
        );
        await until(() => errors.length > 0);
        expect(errors).toEqual([
          expect.objectContaining({ message: expect.stringContaining('to subscribe') }),
        ]);
        tunnel.stops = undefined;
        await until(async () => {
          await write(store, 'a', `${performance.now()}-a`);
          return wakes.length > 0;
        });
        stop();
        tunnel.close();
      });

      it('are told once to fail while the server is away, and come again with it', async () => {
        await using own = await startRedis();
        const client = keep(new Redis(own.port, { lazyConnect: true }));
        const store = keep(new RedisStore(client));
        const errors: unknown[] = [];
        const wakes: string[] = [];
        const stop = store.subscribe(
          (key) => wakes.push(key),
          (error) => errors.push(error),
        );
        const woken = () =>
          until(async () => {
            await write(store, 'a', `${performance.now()}-a`).catch(() => {});
            return wakes.length > 0;
          });
        await woken();
        await own.kill();
        await until(() => errors.length > 0);
        await own.start();
        wakes.length = 0;
        await woken();
        expect(errors).toHaveLength(1);
        stop();
      });
    });
  });
}

function unexpected(what: unknown): never {
  throw new Error('this was not to be called', { cause: what });
}
