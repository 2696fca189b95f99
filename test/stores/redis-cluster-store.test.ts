import { inspect } from 'node:util';
import { Cluster as Cluster6 } from 'ioredis';
import { Cluster as Cluster5 } from 'ioredis5';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Reading, type Store, Unanswered } from '../../src/store.ts';
import { RedisStore, type RedisStoreOptions } from '../../src/stores/redis-store.ts';
import { freePort } from '../support/free-port.ts';
import { type ClusterNode, type RedisClusterServers, startRedisCluster } from '../support/redis-cluster.ts';
import { openTunnel, type Tunnel } from '../support/tunnel.ts';
import { until } from '../support/until.ts';
import { identityOf, soon, storeConformance, tokensOf } from './conformance.ts';

let servers: RedisClusterServers;

beforeAll(async () => {
  servers = await startRedisCluster();
});

afterAll(() => servers.stop());

// What the tests call is the same in both, so that one type does for it.
const versions = { 'ioredis 5': Cluster5 as unknown as typeof Cluster6, 'ioredis 6': Cluster6 };

for (const [version, Cluster] of Object.entries(versions)) {
  storeConformance(`RedisStore with a Cluster of ${version}`, ['subscribe', 'writeRaw', 'silence'], () => {
    const client = new Cluster(servers.addresses, { keyPrefix: 'ignored:' });
    const raw = new Cluster(servers.addresses);
    return {
      store: new RedisStore(client),
      another: () => new RedisStore(client),
      writeRaw: (key, text) => raw.set(`sse:${key}`, text),
      useHandedIn: () => client.ping(),
      silence: async () => {
        await signalAll('SIGSTOP');
        return () => signalAll('SIGCONT');
      },
      dispose: async () => {
        client.disconnect();
        raw.disconnect();
        await servers.flush();
      },
    };
  });

  describe(`RedisStore with a Cluster of ${version}`, () => {
    const stores: RedisStore[] = [];
    const opened: Tunnel[] = [];
    const storeFor = (options: RedisStoreOptions = {}, settings: object = {}, nodes = servers.addresses) => {
      const store = new RedisStore(new Cluster(nodes, { lazyConnect: true, ...settings }), options);
      stores.push(store);
      return store;
    };
    const keys = Array.from({ length: 60 }, (_, index) => `key:${index}`);
    const versionsOf = (keys: readonly string[], text = '1') =>
      new Map(keys.map((key) => [key, `${text}-${key}`]));
    const tokens = (keys: readonly string[], text = '1') => [...versionsOf(keys, text).values()];
    const write = (store: RedisStore, of = keys, text = '1') => store.write(versionsOf(of, text), soon());
    /** A store that gets to each node by a tunnel, and these tunnels in the order of the nodes. */
    const throughTunnels = async () => {
      const tunnels = await Promise.all(servers.addresses.map(({ port }) => openTunnel(port)));
      opened.push(...tunnels);
      const at = tunnels.map(({ port }) => ({ host: '127.0.0.1', port }));
      const natMap = Object.fromEntries(
        servers.addresses.map(({ port }, index) => [`127.0.0.1:${port}`, at[index]!]),
      );
      return { store: storeFor({}, { natMap }, at), tunnels };
    };
    const tunnelTo = (tunnels: readonly Tunnel[], node: ClusterNode) => tunnels[servers.nodes.indexOf(node)]!;

    afterEach(async () => {
      for (const store of stores.splice(0)) await store.close();
      for (const tunnel of opened.splice(0)) tunnel.close();
      await servers.flush();
    });

    it('keeps each key at the node that has its slot, for the given time', async () => {
      await write(storeFor({ prefix: 'mine:', ttl: 10_000 }));
      for (const key of keys) {
        const { admin } = await servers.ownerOf(`mine:${key}`);
        expect(await admin.get(`mine:${key}`)).toBe(`1-${key}`);
        expect(await admin.pttl(`mine:${key}`)).toBeLessThanOrEqual(11_000);
      }
    });

    it('names another data set for the keys of a node whose replica takes over, and for no others', async () => {
      const store = storeFor();
      await write(store);
      const { node, own, others } = await oneNode(keys);
      const identities = async (keys: string[]) => (await answered(store, keys)).map(identityOf);
      const before = { own: await identities(own), others: await identities(others) };

      await servers.failOver(node);
      const after = { own: await identities(own), others: await identities(others) };
      expect(after.others).toEqual(before.others);
      expect(new Set([...before.own, ...after.own]).size).toBe(2);
      expect(tokensOf(await answered(store, keys))).toEqual(tokens(keys));
      await servers.whole();
      await write(store, keys, '2');
      expect(tokensOf(await storeFor().read(keys, soon()))).toEqual(tokens(keys, '2'));
    });

    it('follows a slot that is on its way to another node, and that has arrived there', async () => {
      const store = storeFor();
      const [a, b, c, d] = ['{move}:a', '{move}:b', '{move}:c', '{move}:d'] as const;
      await write(store, [a, b, ...keys]);
      const move = await servers.startMove(`sse:${a}`);
      await move.carry(`sse:${a}`);
      expect(tokensOf(await store.read([b, a, c, ...keys], soon()))).toEqual([
        ...tokens([b, a]),
        undefined,
        ...tokens(keys),
      ]);
      await write(store, [a, b, c], '2');
      await store.add(versionsOf([a, d], '3'), soon());
      const during = await store.read([a, b, c, d], soon());
      expect(tokensOf(during)).toEqual([...tokens([a, b, c], '2'), ...tokens([d], '3')]);
      expect(identityOf(during[0])).not.toBe(identityOf(during[1]));

      await move.carry(`sse:${b}`);
      await move.finish();
      const after = await answered(store, [a, b, c, d, ...keys]);
      expect(tokensOf(after)).toEqual([...tokensOf(during), ...tokens(keys)]);
      expect(new Set(after.slice(0, 4).map(identityOf)).size).toBe(1);
      await untilDone(() => write(store, [a, b], '4'));
      expect(tokensOf(await answered(storeFor(), [a, b]))).toEqual(tokens([a, b], '4'));
    });

    it('goes on with the other nodes while one is silent, and with that when it answers again', async () => {
      const store = storeFor();
      await write(store);
      await store.read(keys, soon());
      const { node, own, others } = await oneNode(keys);
      await node.server.kill('SIGSTOP');
      try {
        const first = store.read(keys, AbortSignal.timeout(500));
        await expect(first).rejects.toMatchObject({ name: 'TimeoutError' });
        // From now on, long before the deadline.
        const second = store.write(versionsOf(keys, '2'), AbortSignal.timeout(20_000));
        await expect(second).rejects.toThrow('no answer from');
        const readings = await store.read([...own, ...others], AbortSignal.timeout(20_000));
        for (const reading of readings.slice(0, own.length)) expect(reading).toBeInstanceOf(Unanswered);
        expect(tokensOf(readings.slice(own.length))).toEqual(tokens(others, '2'));
        await write(store, others, '3');
        await expect(write(store, keys, '4')).rejects.toThrow(`no answer from 127.0.0.1:${node.server.port}`);
        await expect(store.read(own, AbortSignal.timeout(300))).rejects.toThrow();
      } finally {
        await node.server.kill('SIGCONT');
      }
      await untilDone(() => write(store, keys, '5'));
      expect(tokensOf(await store.read(keys, soon()))).toEqual(tokens(keys, '5'));
    });

    it('waits again for a node that is only slower than the others, once it has answered', async () => {
      const { store, tunnels } = await throughTunnels();
      await write(store);
      await store.read(keys, soon());
      const { node } = await oneNode(keys);
      tunnelTo(tunnels, node).delay = 400;
      await expect(store.read(keys, AbortSignal.timeout(300))).rejects.toThrow();
      await expect(store.write(versionsOf(keys, '2'), AbortSignal.timeout(300))).rejects.toThrow();
      await untilDone(() => write(store, keys, '3'));
      expect(tokensOf(await answered(store, keys))).toEqual(tokens(keys, '3'));
    });

    it('holds no node for silent that a call gave no time', async () => {
      const { store, tunnels } = await throughTunnels();
      await write(store);
      await store.read(keys, soon());
      const { node, own } = await oneNode(keys);
      const hurry = new AbortController();
      const hurried = store.read(own, hurry.signal);
      setImmediate(() => hurry.abort(new Error('too late')));
      await expect(hurried).rejects.toThrow('too late');
      // Longer than what a silent one gets.
      tunnelTo(tunnels, node).delay = 350;
      expect(tokensOf(await store.read(keys, soon()))).toEqual(tokens(keys));
    });

    it('wakes nobody before the version is written, also where its slot has moved', async () => {
      const key = '{wake}:a';
      const { store, tunnels } = await throughTunnels();
      await write(store, [key]);
      const reader = storeFor();
      const seen: unknown[] = [];
      const stop = reader.subscribe((woken, version) => {
        if (woken === key)
          void reader.read([key], soon()).then((readings) => seen.push([version, ...tokensOf(readings)]));
      }, unexpected);
      await until(async () => {
        await write(reader, [key]);
        return seen.length > 0;
      });
      const from = await servers.ownerOf(`sse:${key}`);
      const move = await servers.startMove(`sse:${key}`);
      await move.carry(`sse:${key}`);
      await move.finish();
      const to = await servers.ownerOf(`sse:${key}`);
      expect(to).not.toBe(from);
      await answered(reader, [key]);
      seen.length = 0;
      tunnelTo(tunnels, to).delay = 300;
      await write(store, [key], '2');
      await until(() => seen.length > 0);
      expect(seen).toEqual([[`2-${key}`, `2-${key}`]]);
      stop();
    });

    it('waits for a node that finds the cluster down, and for no other', async () => {
      const store = storeFor();
      await write(store);
      const { node, own, others } = await oneNode(keys);
      const slot = Number(await node.admin.cluster('KEYSLOT', `sse:${own[0]}`));
      await node.admin.cluster('DELSLOTS', slot);
      try {
        const readings = await store.read([...own, ...others], soon());
        for (const reading of readings.slice(0, own.length)) {
          expect(reading).toBeInstanceOf(Unanswered);
          expect(reading).toHaveProperty('message', expect.stringContaining('CLUSTERDOWN'));
        }
        expect(tokensOf(readings.slice(own.length))).toEqual(tokens(others));
        await expect(store.read(own, soon())).rejects.toThrow('CLUSTERDOWN');
        await expect(write(store)).rejects.toThrow('CLUSTERDOWN');
      } finally {
        await node.admin.cluster('ADDSLOTS', slot);
      }
      await untilDone(() => write(store, keys, '2'));
      expect(tokensOf(await store.read(keys, soon()))).toEqual(tokens(keys, '2'));
    });

    it('hears wakes through another node when its own goes silent', async () => {
      const store = storeFor();
      const wakes: string[] = [];
      const stop = store.subscribe((key) => wakes.push(key), unexpected);
      const node = await until(async () => (await servers.connectedTo('sse-trigger:wake'))[0]);
      const { others } = await split(node!, keys);
      await node!.server.kill('SIGSTOP');
      try {
        await expect(store.read(keys, AbortSignal.timeout(1_000))).rejects.toThrow();
        const writer = storeFor();
        await until(async () => {
          await write(writer, others);
          return others.every((key) => wakes.includes(key));
        });
      } finally {
        stop();
        await node!.server.kill('SIGCONT');
      }
    });

    it('needs no more permissions than it says', async () => {
      const warn = vi.spyOn(console, 'warn');
      const acl = 'reset on >secret ~sse:* &sse:* +info +get +set +asking +cluster|slots +publish +subscribe';
      for (const { admin } of servers.running) await admin.acl('SETUSER', 'app', ...acl.split(' '));
      const redisOptions = { username: 'app', password: 'secret' };
      const store = storeFor({}, { redisOptions });
      const wakes: string[] = [];
      const stop = store.subscribe((key) => wakes.push(key), unexpected);
      await store.add(versionsOf(keys), soon());
      expect(tokensOf(await store.read(keys, soon()))).toEqual(tokens(keys));
      await until(async () => {
        await write(store, ['{move}:a']);
        return wakes.length > 0;
      });
      const move = await servers.startMove('sse:{move}:a');
      await move.carry('sse:{move}:a');
      await write(store, ['{move}:a'], '2');
      expect(tokensOf(await store.read(['{move}:a'], soon()))).toEqual(tokens(['{move}:a'], '2'));
      await move.finish();
      stop();

      const stranger = storeFor({}, { redisOptions: { ...redisOptions, password: 'top-secret' } });
      const refused = await stranger.read(keys, soon()).catch((error) => error);
      expect(refused.message).toContain('WRONGPASS');
      expect(inspect(refused, { depth: null, showHidden: true })).not.toContain('top-secret');
      for (const { admin } of servers.running)
        await admin.acl('SETUSER', 'app', 'resetkeys', '~sse:key:1*', '-info');
      const narrow = storeFor({ wake: false }, { redisOptions });
      const [allowed, forbidden] = await narrow.read(['key:1', 'key:2'], soon());
      expect(tokensOf([allowed])).toEqual(['1-key:1']);
      expect(forbidden).toHaveProperty('message', expect.stringContaining('NOPERM'));
      expect(forbidden).not.toBeInstanceOf(Unanswered);
      await expect(narrow.write(versionsOf(['key:1', 'key:2'], '2'), soon())).rejects.toThrow(
        /Redis refused key:2: NOPERM/,
      );
      expect(warn).not.toHaveBeenCalled();
      warn.mockRestore();
    });

    it('goes through addresses that are mapped, also those that nodes tell', async () => {
      const { store, tunnels } = await throughTunnels();
      await write(store, [...keys, '{move}:a']);
      const move = await servers.startMove('sse:{move}:a');
      await move.carry('sse:{move}:a');
      await write(store, ['{move}:a'], '2');
      await move.finish();
      expect(tokensOf(await answered(store, ['{move}:a', ...keys]))).toEqual([
        ...tokens(['{move}:a'], '2'),
        ...tokens(keys),
      ]);
      for (const tunnel of tunnels) tunnel.close();
      await expect(write(store, ['{move}:a'], '3')).rejects.toThrow();
    });

    it('logs in as it was told to with the nodes that it was given, also when it looks again who keeps what', async () => {
      const looks = async () => {
        const stats = await Promise.all(servers.running.map(({ admin }) => admin.info('commandstats')));
        const counts = stats.map((text) => Number(/cluster\|slots:calls=(\d+)/.exec(text)?.[1] ?? 0));
        return counts.reduce((sum, count) => sum + count);
      };
      const password = 'secret';
      for (const { admin } of servers.running) await admin.config('SET', 'requirepass', password);
      try {
        const store = storeFor(
          {},
          {},
          servers.addresses.map((address) => ({ ...address, password })),
        );
        await write(store);
        const before = await looks();
        await (await servers.startMove('sse:{empty}:a')).finish();
        await until(async () => {
          await store.read(['{empty}:a'], soon());
          return (await looks()) > before;
        });
        await write(store);
      } finally {
        for (const { admin } of servers.running) await admin.config('SET', 'requirepass', '');
      }
    });

    it('does not look more often who keeps what while nobody says', async () => {
      const tunnel = await openTunnel(await freePort());
      opened.push(tunnel);
      const store = storeFor({}, {}, [{ host: '127.0.0.1', port: tunnel.port }]);
      const began = performance.now();
      for (let calls = 0; calls < 50; calls += 1) await expect(write(store)).rejects.toThrow('no connection');
      expect(tunnel.asked).toBeLessThanOrEqual(1 + (performance.now() - began) / 250);
    });

    it('says so when none of the nodes that it was given answers', async () => {
      const store = storeFor({}, {}, [{ host: '127.0.0.1', port: await freePort() }]);
      await expect(store.read(keys, soon())).rejects.toThrow('no connection to the Redis Cluster');
      await expect(write(store)).rejects.toThrow('no connection to the Redis Cluster');
    });

    it('makes connections when it needs them, and leaves none', async () => {
      const store = storeFor();
      const names = ['read', 'write', 'wake'].map((use) => `sse-trigger:${use}`);
      const counts = async () =>
        Promise.all(names.map(async (name) => (await servers.connectedTo(name)).length));
      expect(await counts()).toEqual([0, 0, 0]);
      await store.read(keys, soon());
      expect(await counts()).toEqual([3, 0, 0]);
      await write(store);
      store.subscribe(() => {}, unexpected);
      await until(async () => `${await counts()}` === '3,3,1');
      const reading = store.read(keys, soon());
      const closed = store.close();
      await expect(reading).rejects.toThrow('closed');
      await closed;
      await expect(store.read(keys, soon())).rejects.toThrow('closed');
      await expect(write(store)).rejects.toThrow('closed');
      store.subscribe(() => {}, unexpected)();
      await until(async () => `${await counts()}` === '0,0,0');
      await until(async () => (await servers.connectedTo('ioredis-cluster(refresher)')).length === 0);
    });
  });
}

it('sends no command over several slots', async () => {
  expect(await servers.refusals()).not.toHaveProperty('CROSSSLOT');
});

async function signalAll(signal: NodeJS.Signals): Promise<void> {
  await Promise.all(servers.nodes.map(({ server }) => server.kill(signal)));
}

/** Of these keys those that a node keeps, and those that others do. */
async function split(
  node: ClusterNode,
  keys: readonly string[],
): Promise<{ own: string[]; others: string[] }> {
  const own = await servers.keptBy(node, keys);
  return { own, others: keys.filter((key) => !own.includes(key)) };
}

async function oneNode(
  keys: readonly string[],
): Promise<{ node: ClusterNode; own: string[]; others: string[] }> {
  const node = await servers.ownerOf(`sse:${keys[0]}`);
  return { node, ...(await split(node, keys)) };
}

/** A cluster that has just changed may contradict itself for a moment. */
async function answered(store: Store, keys: readonly string[]): Promise<readonly Reading[]> {
  let readings: readonly Reading[] = [];
  await untilDone(async () => {
    readings = await store.read(keys, soon());
    for (const reading of readings) if (reading instanceof Unanswered) throw reading;
  });
  return readings;
}

/** Tries again until it does not reject. */
async function untilDone(call: () => Promise<unknown>): Promise<void> {
  const works = () =>
    call().then(
      () => true,
      () => false,
    );
  await until(works);
}

function unexpected(what: unknown): never {
  throw new Error('this was not to be called', { cause: what });
}
