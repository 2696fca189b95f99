import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Reading, Store } from '../../src/store.ts';
import { until } from '../support/until.ts';

export interface StoreUnderTest {
  readonly store: Store;
  /** Makes another store on the same data, as another process would have. */
  another(): Store;
  /** Writes a text at a key as another program would, past the store. */
  writeRaw?(key: string, text: string): Promise<unknown>;
  /** Rejects unless what was handed to the store still works. */
  useHandedIn?(): Promise<unknown>;
  /** Makes the server silent, and gives what ends that. */
  silence?(): Promise<() => Promise<void>>;
  dispose?(): Promise<unknown>;
}

/** What only some stores can do, or let be done to them: `subscribe`, and the optional parts of a StoreUnderTest. */
export type Ability = 'subscribe' | 'writeRaw' | 'silence';

/**
 * The rules of `src/store.ts`, for any store. Each test gets what `make` gives, which must hold no versions yet, and
 * `abilities` says which of the optional rules concern it.
 */
export function storeConformance(
  name: string,
  abilities: readonly Ability[],
  make: () => Promise<StoreUnderTest> | StoreUnderTest,
): void {
  const itWith = (ability: Ability, rule: string, test: () => Promise<void>) => {
    if (abilities.includes(ability)) it(rule, test);
  };

  describe(name, () => {
    let made: StoreUnderTest;
    let store: Store;
    let other: Store;

    beforeEach(async () => {
      made = await make();
      store = made.store;
      other = made.another();
    });

    afterEach(async () => {
      await Promise.all([store.close?.(), other.close?.()]);
      await made.dispose?.();
    });

    const read = (from: Store, ...keys: string[]) => from.read(keys, soon());
    const write = (to: Store, entries: Record<string, string>) => to.write(mapOf(entries), soon());
    const add = (to: Store, entries: Record<string, string>) => to.add(mapOf(entries), soon());

    it('knows of no version before one is written', async () => {
      expect(await read(store, 'a', 'b')).toEqual([undefined, undefined]);
      expect(await read(store)).toEqual([]);
    });

    it('reads what another process wrote, in the order that was asked for', async () => {
      await write(other, { a: '1-a', b: '1-b' });
      expect(tokensOf(await read(store, 'b', 'missing', 'a'))).toEqual(['1-b', undefined, '1-a']);
      await write(other, { b: '2-b' });
      expect(tokensOf(await read(store, 'a', 'b'))).toEqual(['1-a', '2-b']);
    });

    it('adds a version only where there is none', async () => {
      await write(other, { a: '1-a' });
      await add(store, { a: '2-a', b: '2-b' });
      expect(tokensOf(await read(other, 'a', 'b'))).toEqual(['1-a', '2-b']);
    });

    it('keeps 2,500 keys apart in one call', async () => {
      const keys = Array.from({ length: 2_500 }, (_, index) => `key:${index}`);
      const half = keys.slice(0, 1_250);
      await store.write(new Map(half.map((key) => [key, `w-${key}`])), soon());
      await store.add(new Map(keys.map((key) => [key, `a-${key}`])), soon());
      const expected = keys.map((key, index) => (index < half.length ? `w-${key}` : `a-${key}`));
      expect(tokensOf(await other.read(keys, soon()))).toEqual(expected);
    });

    it.each([
      ['with colons', 'a:b:c'],
      ['beyond ASCII', 'größe 日本語 🙂'],
      ['that is a property of every object', '__proto__'],
      ['with all sorts of quotes and wildcards', `it's "100%" {a}*?[b]\\`],
      ['of 512 bytes', 'x'.repeat(512)],
    ])('takes a key %s', async (_, key) => {
      expect(await read(store, key)).toEqual([undefined]);
      await store.write(new Map([[key, '1-a']]), soon());
      expect(tokensOf(await read(other, key, 'a'))).toEqual(['1-a', undefined]);
    });

    it('names the same data set for a key in every read', async () => {
      await write(store, { a: '1-a', b: '1-b' });
      const [a, b] = await read(store, 'a', 'b');
      const later = [...(await read(store, 'a')), ...(await read(store, 'b'))];
      expect(later.map(identityOf)).toEqual([a, b].map(identityOf));
    });

    itWith('writeRaw', 'takes a text that another program wrote for a version', async () => {
      const long = 'x'.repeat(100_000);
      for (const [key, text] of Object.entries({ plain: 'Tue 12:00', long, odd: 'größe\n' })) {
        await made.writeRaw!(key, text);
      }
      const [plain, ...hashed] = tokensOf(await read(store, 'plain', 'long', 'odd'));
      expect(plain).toBe('Tue 12:00');
      for (const token of hashed) expect(token).toMatch(/^[0-9a-f]{64}$/);
      await made.writeRaw!('long', `${long}y`);
      expect(tokensOf(await read(store, 'long'))).not.toEqual(hashed.slice(0, 1));
    });

    it('rejects when the signal has aborted, and works on', async () => {
      const aborted = AbortSignal.abort(new Error('enough'));
      await expect(store.read(['a'], aborted)).rejects.toThrow('enough');
      await expect(store.write(mapOf({ a: '1-a' }), aborted)).rejects.toThrow('enough');
      await expect(store.add(mapOf({ a: '1-a' }), aborted)).rejects.toThrow('enough');
      expect(await read(store, 'a')).toEqual([undefined]);
      await write(store, { a: '2-a' });
      expect(tokensOf(await read(other, 'a'))).toEqual(['2-a']);
    });

    itWith(
      'silence',
      'rejects soon after the signal aborts although the server is silent, and works on when that answers',
      async () => {
        await write(store, { a: '1-a' });
        await read(store, 'a');
        const end = await made.silence!();
        try {
          for (const call of [
            (signal: AbortSignal) => store.read(['a'], signal),
            (signal: AbortSignal) => store.write(mapOf({ b: '1-b' }), signal),
            (signal: AbortSignal) => store.add(mapOf({ b: '2-b' }), signal),
          ]) {
            const began = performance.now();
            await expect(call(AbortSignal.timeout(100))).rejects.toMatchObject({ name: 'TimeoutError' });
            expect(performance.now() - began).toBeLessThan(1_000);
          }
        } finally {
          await end();
        }
        await write(store, { c: '1-c' });
        expect(tokensOf(await read(store, 'a', 'c'))).toEqual(['1-a', '1-c']);
      },
    );

    itWith(
      'subscribe',
      'wakes who subscribed with each version that is written, and with none that is added',
      async () => {
        const wakes = new Map<string, string>();
        const stop = store.subscribe!((key, version) => wakes.set(key, version), unexpected);
        await subscribed(other, wakes);
        await add(other, { added: '1-a' });
        await write(other, { 'a key:größe': '1-b', c: '1-c' });
        await until(() => wakes.has('c') && wakes.has('a key:größe'));
        wakes.delete('probe');
        expect(wakes).toEqual(mapOf({ 'a key:größe': '1-b', c: '1-c' }));
        stop();
      },
    );

    itWith('subscribe', 'wakes nobody any more who has stopped', async () => {
      const stopped = new Map<string, string>();
      const still = new Map<string, string>();
      const stop = store.subscribe!((key, version) => stopped.set(key, version), unexpected);
      const stopStill = store.subscribe!((key, version) => still.set(key, version), unexpected);
      await subscribed(other, still);
      stop();
      stopped.clear();
      await write(other, { a: '1-a' });
      await until(() => still.has('a'));
      expect(stopped.size).toBe(0);
      stopStill();
    });

    it('closes nothing that it was handed', async () => {
      await write(store, { a: '1-a' });
      await read(store, 'a');
      await store.close?.();
      await made.useHandedIn?.();
      expect(tokensOf(await read(other, 'a'))).toEqual(['1-a']);
    });
  });
}

/** A subscription takes a moment to stand: writes until one wake has come. */
async function subscribed(writer: Store, wakes: ReadonlyMap<string, string>): Promise<void> {
  let attempt = 0;
  await until(async () => {
    attempt += 1;
    await writer.write(new Map([['probe', `${attempt}-probe`]]), soon());
    return wakes.has('probe');
  });
  await until(() => wakes.get('probe') === `${attempt}-probe`);
}

/** The deadline of a call that is meant to succeed. */
export function soon(): AbortSignal {
  return AbortSignal.timeout(5_000);
}

export function tokensOf(readings: readonly Reading[]): (string | undefined)[] {
  return readings.map((reading) => {
    if (reading instanceof Error) throw reading;
    return reading?.token;
  });
}

export function identityOf(reading: Reading): string {
  if (reading === undefined || reading instanceof Error)
    throw new Error('there is no version', { cause: reading });
  return reading.identity;
}

function mapOf(entries: Record<string, string>): Map<string, string> {
  return new Map(Object.entries(entries));
}

function unexpected(error: unknown): never {
  throw error;
}
