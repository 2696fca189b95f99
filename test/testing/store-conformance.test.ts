import { execFile } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MapStore } from '../../docs/examples/testing/map-store.ts';
import {
  type StoreAbility,
  type StoreUnderTest,
  storeConformance,
} from '../../src/testing/store-conformance.ts';

type Versions = ReadonlyMap<string, string>;

/** Stores with one mistake each, and the rules that they break. */
const mistakes: [mistake: string, rules: string[], Store: new (versions: Map<string, string>) => MapStore][] =
  [
    [
      'adds over a version',
      ['adds a version only where there is none', 'keeps 2,500 keys apart in one call'],
      class extends MapStore {
        override add(versions: Versions, signal: AbortSignal) {
          return this.write(versions, signal);
        }
      },
    ],
    [
      'reads in an order of its own',
      [
        'reads what another process wrote, in the order that was asked for',
        'keeps 2,500 keys apart in one call',
      ],
      class extends MapStore {
        override async read(keys: readonly string[], signal: AbortSignal) {
          return await super.read([...keys].sort(), signal);
        }
      },
    ],
    [
      'changes the data set with every read',
      ['names the same data set for a key in every read'],
      class extends MapStore {
        #reads = 0;
        override async read(keys: readonly string[], signal: AbortSignal) {
          this.#reads += 1;
          const readings = await super.read(keys, signal);
          return readings.map((reading) => reading && { ...reading, identity: `${this.#reads}` });
        }
      },
    ],
    [
      'does not heed the signal',
      ['rejects when the signal has aborted, and works on'],
      class extends MapStore {
        override write(versions: Versions) {
          return super.write(versions, new AbortController().signal);
        }
      },
    ],
    [
      'clears on closing what it was handed',
      ['closes nothing that it was handed'],
      class extends MapStore {
        readonly #all: Map<string, string>;
        constructor(versions: Map<string, string>) {
          super(versions);
          this.#all = versions;
        }
        async close() {
          this.#all.clear();
        }
      },
    ],
    [
      'has subscribe, which nobody has said',
      ['is tested for all that it can do'],
      class extends MapStore {
        subscribe() {
          return () => {};
        }
      },
    ],
  ];

it.each(mistakes)('catches a store that %s', async (_, rules, Store) => {
  const failed = await failuresOf(() => {
    const versions = new Map<string, string>();
    return { store: new Store(versions), another: () => new Store(versions) };
  });
  expect(failed).toEqual(expect.arrayContaining(rules));
  expect(failed.length).toBeLessThan(12);
});

describe('wakes', () => {
  /** Wakes all who subscribed on the same emitter; `rough` also of what was added, and those who have stopped. */
  class WakingStore extends MapStore {
    readonly #wakes: EventEmitter;
    readonly #rough: string | undefined;

    constructor(versions: Map<string, string>, wakes: EventEmitter, rough?: string) {
      super(versions);
      this.#wakes = wakes;
      this.#rough = rough;
    }

    override async write(versions: Versions, signal: AbortSignal) {
      await super.write(versions, signal);
      for (const [key, version] of versions) this.#wakes.emit('wake', key, version);
    }

    override async add(versions: Versions, signal: AbortSignal) {
      await super.add(versions, signal);
      if (this.#rough !== 'adds') return;
      for (const [key, version] of versions) this.#wakes.emit('wake', key, version);
    }

    subscribe(onWake: (key: string, version: string) => void) {
      this.#wakes.on('wake', onWake);
      return () => {
        if (this.#rough !== 'goes on') this.#wakes.off('wake', onWake);
      };
    }
  }

  it.each([
    [undefined, []],
    ['adds', ['wakes who subscribed with each version that is written, and with none that is added']],
    ['goes on', ['wakes nobody any more who has stopped']],
  ])('are tested (%s)', async (rough, rules) => {
    const make = () => {
      const versions = new Map<string, string>();
      const wakes = new EventEmitter();
      const open = () => new WakingStore(versions, wakes, rough);
      return { store: open(), another: open };
    };
    expect(await failuresOf(make, ['subscribe'])).toEqual(rules);
  });
});

it('asks for the tests of what is declared, and closes what was made also when a rule is broken', async () => {
  let disposed = 0;
  const make = () => {
    const versions = new Map<string, string>();
    const open = () => new MapStore(versions);
    return { store: open(), another: open, dispose: async () => (disposed += 1) };
  };
  expect(await failuresOf(make, ['silence'])).toContain('is tested for all that it can do');
  expect(disposed).toBeGreaterThan(10);
});

it('says what it needs of the test runner', () => {
  const make = () => ({ store: new MapStore(new Map()), another: () => new MapStore(new Map()) });
  // @ts-expect-error without describe and it
  expect(() => storeConformance('the store', make)).toThrow('describe must be a function');
  const suite = { describe, it };
  // @ts-expect-error without what makes stores
  expect(() => storeConformance('the store', undefined, suite)).toThrow('make must be a function');
  // @ts-expect-error no list
  expect(() => storeConformance('the store', make, { ...suite, abilities: 'subscribe' })).toThrow('an array');
  // @ts-expect-error no such ability
  const abilities: StoreAbility[] = ['wake'];
  expect(() => storeConformance('the store', make, { ...suite, abilities })).toThrow('no ability "wake"');
  // @ts-expect-error without describe
  expect(() => storeConformance('the store', make, { it })).toThrow("import { describe, it } from 'vitest'");
});

it('runs with node:test, and fails there', async () => {
  const program = fileURLToPath(new URL('node-test-suite.js', import.meta.url));
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, ['--test', '--test-reporter=tap', program], (_, stdout) => resolve(stdout));
  });
  expect(output).toMatch(/^ *ok \d+ - KeyvStore$/m);
  expect(output).toMatch(/^ *not ok \d+ - KeyvStore beside another one$/m);
  expect(output.match(/^ *not ok \d+ - reads what another process wrote/gm)).toHaveLength(1);
});

/** Which rules a store breaks. */
async function failuresOf(make: () => StoreUnderTest, abilities: StoreAbility[] = []): Promise<string[]> {
  const tests = new Map<string, () => Promise<void>>();
  storeConformance('the store', make, {
    describe: (_, suite) => suite(),
    it: (rule, test) => tests.set(rule, test),
    abilities,
  });
  const failed: string[] = [];
  for (const [rule, test] of tests) await test().catch(() => failed.push(rule));
  return failed;
}
