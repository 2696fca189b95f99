import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { requireFunction } from '../option-checks.ts';
import type { Reading, Store } from '../store.ts';

/** What only some stores can do, or let be done to them: `subscribe`, and the optional parts of a StoreUnderTest. */
export type StoreAbility = (typeof ABILITIES)[number];

const ABILITIES = ['subscribe', 'writeRaw', 'silence'] as const;

export interface StoreUnderTest {
  readonly store: Store;
  /** Makes another store on the same data, as another process would have. It is called once. */
  another(): Store;
  /** Writes a text at a key as another program would, past the store. */
  writeRaw?(key: string, text: string): Promise<unknown>;
  /** Rejects unless what was handed to the store still works. */
  useHandedIn?(): Promise<unknown>;
  /** Makes the server silent, and gives what ends that. */
  silence?(): Promise<() => Promise<void>>;
  /** Called after the test, when the stores are closed. */
  dispose?(): Promise<unknown>;
}

export interface StoreConformanceOptions {
  /** Those of the test runner: of vitest, of `node:test`, or of Jest, in ES modules. */
  describe(name: string, suite: () => void): unknown;
  it(name: string, test: () => Promise<void>): unknown;
  /** Which of the optional rules concern the store; it is a failure to leave one out. @defaultValue [] */
  abilities?: readonly StoreAbility[] | undefined;
}

const RUNNER = "import { describe, it } from 'vitest', or from node:test";

/** Milliseconds that a call has which is meant to succeed, and that a wake may take. */
const SOON = 5_000;

/**
 * Tests a store by the rules of `Store`. Each test gets what `make` gives, which must hold no versions yet.
 *
 *     storeConformance('MyStore', () => ({ store: open(), another: open }), { describe, it });
 *
 * @throws TypeError for a missing function, and for an ability that there is not.
 */
export function storeConformance(
  name: string,
  make: () => Promise<StoreUnderTest> | StoreUnderTest,
  options: StoreConformanceOptions,
): void {
  const { describe, it, abilities = [] } = options ?? {};
  requireFunction('make', make, '() => ({ store, another: () => … })');
  requireFunction('describe', describe, RUNNER);
  requireFunction('it', it, RUNNER);
  requireAbilities(abilities);
  describe(name, () => {
    for (const [rule, test, ability] of RULES) {
      if (ability !== undefined && !abilities.includes(ability)) continue;
      it(rule, async () => {
        const made = await make();
        const { store } = made;
        const other = made.another();
        try {
          await test({ store, other, made, abilities });
        } finally {
          await Promise.all([store.close?.(), other.close?.()]);
          await made.dispose?.();
        }
      });
    }
  });
}

function requireAbilities(abilities: readonly StoreAbility[]): void {
  if (!Array.isArray(abilities)) throw new TypeError("abilities must be an array, such as ['subscribe']");
  const unknown = abilities.find((ability) => !ABILITIES.includes(ability));
  if (unknown === undefined) return;
  throw new TypeError(`there is no ability ${JSON.stringify(unknown)}; there are ${ABILITIES.join(', ')}`);
}

interface Given {
  readonly store: Store;
  /** As another process has it. */
  readonly other: Store;
  readonly made: StoreUnderTest;
  readonly abilities: readonly StoreAbility[];
}

type Rule = readonly [rule: string, test: (given: Given) => Promise<void>, ability?: StoreAbility];

const RULES: readonly Rule[] = [
  [
    'is tested for all that it can do',
    async ({ store, made, abilities }) => {
      const able = { subscribe: store.subscribe, writeRaw: made.writeRaw, silence: made.silence };
      for (const [ability, method] of Object.entries(able)) {
        const isNamed = abilities.some((named) => named === ability);
        assert.equal(
          isNamed,
          method !== undefined,
          `abilities must name ${ability} if there is one, and only then`,
        );
      }
    },
  ],
  [
    'knows of no version before one is written',
    async ({ store }) => {
      assert.deepEqual(await read(store, 'a', 'b'), [undefined, undefined]);
      assert.deepEqual(await read(store), []);
    },
  ],
  [
    'reads what another process wrote, in the order that was asked for',
    async ({ store, other }) => {
      await write(other, { a: '1-a', b: '1-b' });
      assert.deepEqual(await tokens(store, 'b', 'missing', 'a'), ['1-b', undefined, '1-a']);
      await write(other, { b: '2-b' });
      assert.deepEqual(await tokens(store, 'a', 'b'), ['1-a', '2-b']);
    },
  ],
  [
    'adds a version only where there is none',
    async ({ store, other }) => {
      await write(other, { a: '1-a' });
      await add(store, { a: '2-a', b: '2-b' });
      assert.deepEqual(await tokens(other, 'a', 'b'), ['1-a', '2-b']);
    },
  ],
  [
    'keeps 2,500 keys apart in one call',
    async ({ store, other }) => {
      const keys = Array.from({ length: 2_500 }, (_, index) => `key:${index}`);
      const half = keys.slice(0, 1_250);
      await store.write(new Map(half.map((key) => [key, `w-${key}`])), soon());
      await store.add(new Map(keys.map((key) => [key, `a-${key}`])), soon());
      const expected = keys.map((key, index) => (index < half.length ? `w-${key}` : `a-${key}`));
      assert.deepEqual(await tokens(other, ...keys), expected);
    },
  ],
  ...[
    ['with colons', 'a:b:c'],
    ['beyond ASCII', 'größe 日本語 🙂'],
    ['that is a property of every object', '__proto__'],
    ['with all sorts of quotes and wildcards', `it's "100%" {a}*?[b]\\`],
    ['of 540 bytes', 'x'.repeat(540)],
  ].map(
    ([kind, key]): Rule => [
      `takes a key ${kind}`,
      async ({ store, other }) => {
        assert.deepEqual(await read(store, key!), [undefined]);
        await store.write(new Map([[key!, '1-a']]), soon());
        assert.deepEqual(await tokens(other, key!, 'a'), ['1-a', undefined]);
      },
    ],
  ),
  [
    'names the same data set for a key in every read',
    async ({ store }) => {
      await write(store, { a: '1-a', b: '1-b' });
      const together = (await read(store, 'a', 'b')).map(identityOf);
      const [a, b] = [await read(store, 'a'), await read(store, 'b')];
      assert.deepEqual([...a, ...b].map(identityOf), together);
    },
  ],
  [
    'takes a text that another program wrote for a version',
    async ({ store, made }) => {
      const long = 'x'.repeat(100_000);
      for (const [key, text] of Object.entries({ plain: 'Tue 12:00', long, odd: 'größe\n' })) {
        await made.writeRaw?.(key, text);
      }
      const [plain, ...others] = await tokens(store, 'plain', 'long', 'odd');
      assert.equal(plain, 'Tue 12:00');
      for (const token of others) assert.match(token!, /^[\x20-\x7e]{1,128}$/);
      await made.writeRaw?.('long', `${long}y`);
      assert.notDeepEqual(await tokens(store, 'long'), others.slice(0, 1));
    },
    'writeRaw',
  ],
  [
    'rejects when the signal has aborted, and works on',
    async ({ store, other }) => {
      const aborted = AbortSignal.abort(new Error('enough'));
      await assert.rejects(store.read(['a'], aborted), /enough/);
      await assert.rejects(store.write(mapOf({ a: '1-a' }), aborted), /enough/);
      await assert.rejects(store.add(mapOf({ a: '1-a' }), aborted), /enough/);
      assert.deepEqual(await read(store, 'a'), [undefined]);
      await write(store, { a: '2-a' });
      assert.deepEqual(await tokens(other, 'a'), ['2-a']);
    },
  ],
  [
    'rejects soon after the signal aborts although the server is silent, and works on when that answers',
    async ({ store, made }) => {
      await write(store, { a: '1-a' });
      await read(store, 'a');
      const end = await made.silence?.();
      try {
        for (const call of [
          (signal: AbortSignal) => store.read(['a'], signal),
          (signal: AbortSignal) => store.write(mapOf({ b: '1-b' }), signal),
          (signal: AbortSignal) => store.add(mapOf({ b: '2-b' }), signal),
        ]) {
          const began = performance.now();
          await assert.rejects(call(AbortSignal.timeout(100)), { name: 'TimeoutError' });
          assert.ok(performance.now() - began < 1_000, 'it rejects within a second');
        }
      } finally {
        await end?.();
      }
      await write(store, { c: '1-c' });
      assert.deepEqual(await tokens(store, 'a', 'c'), ['1-a', '1-c']);
    },
    'silence',
  ],
  [
    'wakes who subscribed with each version that is written, and with none that is added',
    async ({ store, other }) => {
      const wakes = new Map<string, string>();
      const stop = store.subscribe?.((key, version) => wakes.set(key, version), unexpected);
      await subscribed(other, wakes);
      await add(other, { added: '1-a' });
      await write(other, { 'a key:größe': '1-b', c: '1-c' });
      await until(() => wakes.has('c') && wakes.has('a key:größe'));
      wakes.delete('probe');
      assert.deepEqual(wakes, mapOf({ 'a key:größe': '1-b', c: '1-c' }));
      stop?.();
    },
    'subscribe',
  ],
  [
    'wakes nobody any more who has stopped',
    async ({ store, other }) => {
      const stopped = new Map<string, string>();
      const still = new Map<string, string>();
      const stop = store.subscribe?.((key, version) => stopped.set(key, version), unexpected);
      const stopStill = store.subscribe?.((key, version) => still.set(key, version), unexpected);
      await subscribed(other, still);
      stop?.();
      stopped.clear();
      await write(other, { a: '1-a' });
      await until(() => still.has('a'));
      assert.equal(stopped.size, 0);
      stopStill?.();
    },
    'subscribe',
  ],
  [
    'closes nothing that it was handed',
    async ({ store, other, made }) => {
      await write(store, { a: '1-a' });
      await read(store, 'a');
      await store.close?.();
      await made.useHandedIn?.();
      assert.deepEqual(await tokens(other, 'a'), ['1-a']);
    },
  ],
];

function read(from: Store, ...keys: string[]): Promise<readonly Reading[]> {
  return from.read(keys, soon());
}

async function tokens(from: Store, ...keys: string[]): Promise<(string | undefined)[]> {
  const readings = await read(from, ...keys);
  return readings.map((reading) => {
    if (reading instanceof Error) throw reading;
    return reading?.token;
  });
}

function identityOf(reading: Reading): string {
  if (reading === undefined || reading instanceof Error)
    throw new Error('there is no version', { cause: reading });
  return reading.identity;
}

function write(to: Store, entries: Record<string, string>): Promise<void> {
  return to.write(mapOf(entries), soon());
}

function add(to: Store, entries: Record<string, string>): Promise<void> {
  return to.add(mapOf(entries), soon());
}

function mapOf(entries: Record<string, string>): Map<string, string> {
  return new Map(Object.entries(entries));
}

function soon(): AbortSignal {
  return AbortSignal.timeout(SOON);
}

/** A subscription takes a moment to stand: writes until one wake has come. */
async function subscribed(writer: Store, wakes: ReadonlyMap<string, string>): Promise<void> {
  let attempt = 0;
  await until(async () => {
    attempt += 1;
    await write(writer, { probe: `${attempt}-probe` });
    return wakes.has('probe');
  });
  await until(() => wakes.get('probe') === `${attempt}-probe`);
}

async function until(ask: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + SOON;
  while (!(await ask())) {
    assert.ok(performance.now() < deadline, `not within ${SOON} ms: ${ask}`);
    await sleep(5);
  }
}

function unexpected(error: unknown): never {
  throw error;
}
