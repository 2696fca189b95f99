import { inspect } from 'node:util';
import KeyvRedis from '@keyv/redis';
import { Keyv as Keyv5 } from 'keyv';
import { Keyv as Keyv6 } from 'keyv6';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import type { Store } from '../../src/store.ts';
import { KeyvStore } from '../../src/stores/keyv-store.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { soon, storeConformance, tokensOf } from './conformance.ts';

/** Keeps entries in memory until it is told to misbehave. */
class Adapter {
  readonly entries = new Map<string, unknown>();
  readonly ttls: number[] = [];
  /** How calls fail: by throwing, or without a word as @keyv/redis does. */
  failing: 'throws' | 'silent' | undefined;
  /** Which calls fail. */
  fails = (_call: 'get' | 'set') => true;
  onSet = (_key: string) => {};
  getMany: ((keys: string[]) => Promise<unknown[]>) | undefined;

  constructor({ many = true } = {}) {
    if (many) {
      this.getMany = async (keys) => {
        if (this.#fail('get')) return keys.map(() => undefined);
        return keys.map((key) => this.entries.get(key));
      };
    }
  }

  async get(key: string): Promise<unknown> {
    return this.#fail('get') ? undefined : this.entries.get(key);
  }

  async set(key: string, value: unknown, ttl = 0): Promise<void> {
    if (this.#fail('set')) return;
    this.ttls.push(ttl);
    this.entries.set(key, value);
    this.onSet(key);
  }

  async delete(key: string): Promise<boolean> {
    return this.entries.delete(key);
  }

  async clear(): Promise<void> {}

  #fail(call: 'get' | 'set'): boolean {
    if (this.failing === undefined || !this.fails(call)) return false;
    if (this.failing === 'throws') throw new Error(`the adapter cannot ${call}`);
    return true;
  }
}

const read = (store: KeyvStore, ...keys: string[]) => store.read(keys, soon());
const write = (store: KeyvStore, key: string, token: string) => store.write(new Map([[key, token]]), soon());

/** What the tests call is the same in both, so that one type does for it. */
const versions = { 'Keyv 5': Keyv5, 'Keyv 6': Keyv6 as unknown as typeof Keyv5 };

it('takes a Keyv of both versions as they are typed', () => {
  for (const store of [new KeyvStore(new Keyv5()), new KeyvStore(new Keyv6())]) {
    expectTypeOf(store).toExtend<Store>();
  }
});

describe.each(Object.entries(versions))('KeyvStore with %s', (_version, Keyv) => {
  storeConformance('over a Map', ['writeRaw'], () => {
    const keyv = new Keyv();
    return {
      store: new KeyvStore(keyv),
      another: () => new KeyvStore(keyv),
      writeRaw: (key, text) => keyv.set(`sse:${key}`, text),
      useHandedIn: () => keyv.set('own', 1),
    };
  });

  describe('with a Redis of its own', () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis();
    });
    afterAll(() => server.stop());

    let tests = 0;
    storeConformance('over @keyv/redis', ['writeRaw', 'silence'], () => {
      tests += 1;
      const keyv = new Keyv(new KeyvRedis(server.url), { namespace: `test${tests}`, useKeyPrefix: false });
      return {
        store: new KeyvStore(keyv),
        another: () => new KeyvStore(keyv),
        writeRaw: (key, text) => keyv.set(`sse:${key}`, text),
        useHandedIn: () => keyv.set('own', 1),
        silence: async () => {
          await server.kill('SIGSTOP');
          return () => server.kill('SIGCONT');
        },
        dispose: () => keyv.disconnect(),
      };
    });
  });

  it('gives an Error for the one key whose entry cannot be decoded, until it is pushed', async () => {
    const adapter = new Adapter();
    const store = new KeyvStore(new Keyv({ store: adapter }));
    const keys = ['a', 'b', 'c', 'd', 'e'];
    await store.write(new Map(keys.map((key) => [key, `1-${key}`])), soon());
    const place = [...adapter.entries.keys()].find((key) => key.endsWith('sse:d'));
    adapter.entries.set(place!, 'no JSON');
    const readings = await read(store, ...keys);
    expect(readings[3]).toBeInstanceOf(Error);
    expect(tokensOf(readings.toSpliced(3, 1))).toEqual(['1-a', '1-b', '1-c', '1-e']);
    await write(store, 'd', '2-d');
    expect(tokensOf(await read(store, 'd'))).toEqual(['2-d']);
  });

  it('tells nobody what an adapter hangs on its errors', async () => {
    const command = { name: 'auth', args: ['top-secret'] };
    const fail = () => Promise.reject(Object.assign(new Error('WRONGPASS'), { command }));
    const keyv = new Keyv();
    const working = { getMany: keyv.getMany.bind(keyv), set: keyv.set.bind(keyv) };
    const told = [
      await read(new KeyvStore({ getMany: fail, set: fail }), 'a').catch((error) => error),
      await read(new KeyvStore({ ...working, getMany: fail }), 'a').catch((error) => error),
      await write(new KeyvStore({ ...working, set: fail }), 'a', '1-a').catch((error) => error),
    ];
    const everything = inspect(told, { depth: null, showHidden: true });
    expect(everything.match(/WRONGPASS/g)?.length).toBeGreaterThanOrEqual(3);
    expect(everything).not.toContain('top-secret');
  });

  it('takes any value that somebody has set for a version', async () => {
    const keyv = new Keyv();
    const store = new KeyvStore(keyv);
    await keyv.set('sse:number', 12);
    await keyv.set('sse:object', { at: 1 });
    await keyv.set('sse:false', false);
    const before = tokensOf(await read(store, 'number', 'object', 'false'));
    expect(before).toEqual(['12', '{"at":1}', 'false']);
  });

  it('keeps each version for the given time, 10 % more or less', async () => {
    const adapter = new Adapter();
    const store = new KeyvStore(new Keyv({ store: adapter }), { ttl: 100_000 });
    await store.write(new Map(Array.from({ length: 200 }, (_, index) => [`k${index}`, 't'])), soon());
    // Keyv 6 gives the adapter what is left by then.
    expect(Math.min(...adapter.ttls)).toBeGreaterThanOrEqual(89_000);
    expect(Math.max(...adapter.ttls)).toBeLessThanOrEqual(110_000);
    expect(new Set(adapter.ttls).size).toBeGreaterThan(20);
  });

  it('puts its prefix before each key', async () => {
    const keyv = new Keyv();
    await write(new KeyvStore(keyv, { prefix: 'mine/' }), 'a', '1-a');
    expect(await keyv.get('mine/a')).toBe('1-a');
  });

  it('refuses options that cannot work', () => {
    const keyv5 = { namespace: 'sse', useKeyPrefix: true, getMany: async () => [], set: async () => true };
    expect(() => new KeyvStore(keyv5)).toThrow(TypeError);
    expect(() => new KeyvStore({ ...keyv5, useKeyPrefix: false })).not.toThrow();
    for (const ttl of [0, -1, Number.NaN, Infinity])
      expect(() => new KeyvStore(new Keyv(), { ttl })).toThrow(TypeError);
  });

  it('writes nothing any more once the signal has aborted', async () => {
    const adapter = new Adapter();
    const getMany = adapter.getMany!.bind(adapter);
    let answer = () => {};
    adapter.getMany = async (keys) => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return getMany!(keys);
    };
    const store = new KeyvStore(new Keyv({ store: adapter }));
    const abort = new AbortController();
    const written = store.write(new Map([['a', 't']]), abort.signal);
    abort.abort(new Error('too late'));
    await expect(written).rejects.toThrow('too late');
    answer();
    await new Promise(setImmediate);
    expect(adapter.entries.size).toBe(0);
  });

  it('rejects as soon as the signal aborts, whatever the adapter does', async () => {
    const adapter = new Adapter();
    adapter.getMany = () => new Promise(() => {});
    const store = new KeyvStore(new Keyv({ store: adapter }));
    const abort = new AbortController();
    const calls = [
      store.read(['a'], abort.signal),
      store.write(new Map([['a', 't']]), abort.signal),
      store.add(new Map([['a', 't']]), abort.signal),
    ];
    abort.abort(new Error('too late'));
    for (const call of calls) await expect(call).rejects.toThrow('too late');
  });
});

/** Keyv 6 has a bridge to adapters that were made for Keyv 5, and calls its own ones directly. */
const keyvs: Readonly<Record<string, (store: Adapter) => Keyv5>> = {
  'Keyv 5': (store) => new Keyv5({ store, namespace: 'ns' }),
  'Keyv 5 and throwOnErrors': (store) => new Keyv5({ store, namespace: 'ns', throwOnErrors: true }),
  'Keyv 6': (store) => new versions['Keyv 6']({ store, namespace: 'ns' }),
  'Keyv 6 and an adapter of its own': (adapter) => {
    const store = Object.assign(adapter, { capabilities: { expires: true } });
    return new versions['Keyv 6']({ store, namespace: 'ns' });
  },
};

describe.each(Object.entries(keyvs))(
  'KeyvStore over an adapter that fails, with %s (S11)',
  (_kind, keyvOver) => {
    const listeners = { 'no listener': undefined, 'an error listener': () => {} };
    for (const [listening, listener] of Object.entries(listeners)) {
      for (const many of [false, true]) {
        for (const failing of ['throws', 'silent'] as const) {
          const how = `${failing}, ${many ? 'with' : 'without'} getMany`;
          it(`never takes a failure for absence (${how}, ${listening})`, async () => {
            const adapter = new Adapter({ many });
            const keyv = keyvOver(adapter);
            if (listener !== undefined) keyv.on('error', listener);
            const store = new KeyvStore(keyv);
            await write(store, 'a', '1-a');

            adapter.failing = failing;
            await expect(read(store, 'a')).rejects.toThrow();
            await expect(read(store, 'missing')).rejects.toThrow();
            await expect(write(store, 'a', '2-a')).rejects.toThrow();

            adapter.failing = undefined;
            expect(tokensOf(await read(store, 'a', 'missing'))).toEqual(['1-a', undefined]);
            await write(store, 'a', '3-a');
            expect(tokensOf(await read(store, 'a'))).toEqual(['3-a']);
          });
        }
      }
    }

    it('reads again when only the first read failed', async () => {
      const adapter = new Adapter();
      const store = new KeyvStore(keyvOver(adapter));
      await write(store, 'a', '1-a');
      adapter.failing = 'silent';
      adapter.fails = (call) => {
        if (call === 'get') adapter.failing = undefined;
        return true;
      };
      expect(tokensOf(await read(store, 'a', 'missing'))).toEqual(['1-a', undefined]);
    });

    it('finds keys missing after everything was deleted, its canary too', async () => {
      const adapter = new Adapter();
      const store = new KeyvStore(keyvOver(adapter));
      await write(store, 'a', '1-a');
      await read(store, 'missing');
      adapter.entries.clear();
      expect(await read(store, 'a')).toEqual([undefined]);
    });

    it.each(['throws', 'silent'] as const)(
      'rejects a write that only the adapter knows has failed (%s)',
      async (how) => {
        const adapter = new Adapter();
        const store = new KeyvStore(keyvOver(adapter));
        await write(store, 'a', '1-a');
        adapter.failing = how;
        adapter.fails = (call) => call === 'set';
        await expect(write(store, 'a', '2-a')).rejects.toThrow(
          /Keyv does not keep what is set at a|cannot set/,
        );
        await expect(write(store, 'new', '1-new')).rejects.toThrow(
          /Keyv does not keep what is set at new|cannot set/,
        );
        expect(tokensOf(await read(store, 'a'))).toEqual(['1-a']);
      },
    );

    it('takes a write for done that another process has overtaken', async () => {
      const adapter = new Adapter();
      const keyv = keyvOver(adapter);
      const store = new KeyvStore(keyv);
      await write(store, 'a', '1-a');
      adapter.onSet = (key) => adapter.entries.set(key, JSON.stringify({ value: 'later' }));
      await write(store, 'a', '2-a');
      expect(tokensOf(await read(store, 'a'))).toEqual(['later']);
    });

    it('leaves the refusal of an added version to the next read', async () => {
      const adapter = new Adapter();
      const store = new KeyvStore(keyvOver(adapter));
      await read(store, 'a');
      adapter.failing = 'throws';
      adapter.fails = (call) => call === 'set';
      await store.add(new Map([['a', '1-a']]), soon());
      expect(await read(store, 'a')).toEqual([undefined]);
    });

    it('adds no listener', async () => {
      const adapter = new Adapter();
      const keyv = keyvOver(adapter);
      const store = new KeyvStore(keyv);
      await write(store, 'a', '1-a');
      await read(store, 'a', 'missing');
      expect(keyv.listeners('error')).toEqual([]);
    });
  },
);
