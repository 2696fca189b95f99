import { once } from 'node:events';
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Reading, Store } from '../../src/store.ts';
import type { RedisStoreOptions } from '../../src/stores/redis-wakes.ts';
import { freePort } from '../support/free-port.ts';
import { keeper } from '../support/keeper.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { openTunnel } from '../support/tunnel.ts';
import { until } from '../support/until.ts';
import { identityOf, soon, tokensOf } from './conformance.ts';

/** Who a client is to Redis, and where it goes there. */
export interface RedisLogin {
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
}

/** What a store over Redis does, whichever library connects it. `storeAt` makes one for the server at a port of 127.0.0.1. */
export function redisBehaviour(
  name: string,
  storeAt: (port: number, options?: RedisStoreOptions, login?: RedisLogin) => Required<Store>,
): void {
  describe(name, () => {
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

    const storeFor = (options: RedisStoreOptions = {}, login: RedisLogin = {}) =>
      keep(storeAt(server.port, options, login));
    const read = (store: Store, ...keys: string[]) => store.read(keys, soon());
    /** The first call after a connection was lost may be the one that notices. */
    const untilRead = (store: Store, key: string) =>
      until<readonly Reading[] | undefined>(() => read(store, key).catch(() => undefined)).then(
        (readings) => readings!,
      );
    const write = (store: Store, key: string, token: string) => store.write(new Map([[key, token]]), soon());
    const add = (store: Store, key: string, token: string) => store.add(new Map([[key, token]]), soon());
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
      const store = keep(storeAt(port));
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
      const store = keep(storeAt(port));
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
      const store = keep(storeAt(port));
      await until(async () => {
        await expect(store.read(['a'], AbortSignal.timeout(100))).rejects.toThrow();
        return connections > 1;
      }, 3_000);
      await store.close();
      silent.close();
    });

    it('recovers by itself from a restart, and names another data set after it', async () => {
      await using own = await startRedis();
      const store = keep(storeAt(own.port));
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
      const store = keep(storeAt(own.port));
      await write(store, 'a', '1-a');
      const operator = keep(new Redis(own.port));
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
      const error = await store.write(both, soon()).catch((error) => error);
      expect(error.message).toMatch(/Redis refused secret:b: NOPERM/);
      expect(inspect(error, { depth: null, showHidden: true })).not.toContain('1-b');
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
        const store = keep(storeAt(own.port, {}, password === undefined ? {} : { password }));
        await expect(read(store, 'a')).rejects.toThrow(password === undefined ? 'NOAUTH' : 'WRONGPASS');
        await expect(write(store, 'a', '1-a')).rejects.toThrow(
          password === undefined ? 'NOAUTH' : 'WRONGPASS',
        );
      }
    });

    it('tells nobody the password, whatever the server says to it', async () => {
      const renamed = ['hello', 'auth'].flatMap((command) => ['--rename-command', command, `no-${command}`]);
      for (const args of [['--requirepass', 'another'], renamed]) {
        await using own = await startRedis({ args });
        for (const username of ['default', 'nobody', undefined]) {
          const login = { password: 'top-secret', ...(username !== undefined && { username }) };
          const store = keep(storeAt(own.port, {}, login));
          const told: unknown[] = [];
          const stop = store.subscribe(unexpected, (error) => told.push(error));
          await read(store, 'a').catch((error) => told.push(error));
          await write(store, 'a', '1-a').catch((error) => told.push(error));
          await until(() => told.length === 3);
          stop();
          const everything = inspect(told, { depth: null, showHidden: true });
          expect(everything).toMatch(/WRONGPASS|unknown command/);
          expect(everything).not.toContain('top-secret');
        }
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
      const store = keep(storeAt(own.port));
      await write(store, 'a', '1-a');
      const [before] = await read(store, 'a');
      const operator = keep(new Redis(own.port));
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

    it('leaves no connection behind that was still opening when it was closed', async () => {
      await using own = await startRedis();
      const store = storeAt(own.port);
      const reading = expect(read(store, 'a')).rejects.toThrow('closed');
      await store.close();
      await reading;
      // It would be there before this one.
      const later = storeAt(own.port);
      await expectWorking(later, '1-a');
      await later.close();
      const operator = keep(new Redis(own.port));
      await until(async () => (await operator.info('clients')).includes('connected_clients:1\r'));
      operator.disconnect();
    });

    it('needs no more permissions than it says', async () => {
      const warn = vi.spyOn(console, 'warn');
      const rules = '-@all resetkeys ~sse:* resetchannels &sse:* +info +mget +set +publish +subscribe';
      const store = await storeOf(rules);
      const wakes: string[] = [];
      const stop = store.subscribe((key) => wakes.push(key), unexpected);
      await add(store, 'a', '1-a');
      expect(tokensOf(await read(store, 'a'))).toEqual(['1-a']);
      await until(async () => {
        await write(store, 'a', '2-a');
        return wakes.length > 0;
      });
      stop();
      expect(warn).not.toHaveBeenCalled();
      warn.mockRestore();
    });

    describe('its wakes', () => {
      const subscribed = async (store: Required<Store>, onError: (error: unknown) => void = unexpected) => {
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
        const operator = keep(new Redis(own.port));
        const wakes: string[] = [];
        const listener = keep(new Redis(own.port));
        listener.on('message', (_, message: string) => wakes.push(message));
        await listener.subscribe('sse:wake:0');
        const store = keep(storeAt(own.port));
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
        const store = keep(storeAt(tunnel.port));
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
        const store = keep(storeAt(own.port));
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

/** Fails unless a version can be written and read. */
export async function expectWorking(store: Store, token: string): Promise<void> {
  await store.write(new Map([['a', token]]), soon());
  expect(tokensOf(await store.read(['a'], soon()))).toEqual([token]);
}

function unexpected(what: unknown): never {
  throw new Error('this was not to be called', { cause: what });
}
