import { describe, expect, it } from 'vitest';
import type { Reading, Store } from '../../src/store.ts';
import { Stage } from '../support/stage.ts';
import { settled } from '../support/virtual-clock.ts';

type Step =
  | 'send own'
  | 'store own'
  | 'answer own'
  | 'store other'
  | 'send read'
  | 'store read'
  | 'answer read';

/** A store that goes through the steps of a call only when it is told to, but answers by itself when all is over. */
class SteppedStore implements Store {
  isManual = false;
  #version = 'first';
  #steps = new Map<Step, () => void>();

  take(step: Step): void {
    this.#steps.get(step)?.();
  }

  set(token: string): void {
    this.#version = token;
  }

  async read(keys: readonly string[]): Promise<readonly Reading[]> {
    const answer = () => keys.map(() => ({ token: this.#version, identity: '' }));
    return this.isManual ? this.#inSteps('read', answer) : answer();
  }

  async write(versions: ReadonlyMap<string, string>): Promise<void> {
    const carryOut = () => this.set([...versions.values()][0]!);
    return this.isManual ? this.#inSteps('own', carryOut) : carryOut();
  }

  async add(): Promise<void> {}

  #inSteps<T>(call: 'own' | 'read', carryOut: () => T): Promise<T> {
    return new Promise((resolve) => {
      let result: T;
      this.#steps.set(`store ${call}`, () => {
        result = carryOut();
      });
      this.#steps.set(`answer ${call}`, () => resolve(result));
    });
  }
}

/** All orders in which steps of several rows can come, each row keeping its own. */
function* interleave(rows: readonly (readonly Step[])[]): Generator<Step[]> {
  if (rows.every((row) => row.length === 0)) yield [];
  for (const [index, row] of rows.entries()) {
    const [first, ...rest] = row;
    if (first === undefined) continue;
    for (const order of interleave(rows.with(index, rest))) yield [first, ...order];
  }
}

const orders = [
  ...interleave([
    ['send own', 'store own', 'answer own'],
    ['store other'],
    ['send read', 'store read', 'answer read'],
  ]),
];

describe('a push in this process, one in another process and a read (S14)', () => {
  it('come in 140 orders', () => expect(orders).toHaveLength(140));

  it.each(['lost', 'at once'])(
    'lose nothing and run nothing more than once too often in any order, wakes %s',
    async (wakes) => {
      for (const order of orders) {
        const store = new SteppedStore();
        const stage = new Stage({ store, storeTimeout: 1_000_000 });
        let onWake = (_key: string, _token: string) => {};
        if (wakes === 'at once') {
          Object.assign(store, {
            subscribe(listener: typeof onWake) {
              onWake = listener;
              return () => {};
            },
          });
        }
        let state = 0;
        let runs = 0;
        const data = () => {
          runs += 1;
          return state;
        };
        const viewer = stage.open({ data, throttle: 0 });
        await stage.clock.advance(100);

        store.isManual = true;
        for (const step of order) {
          if (step === 'send own') {
            state += 1;
            void stage.engine.push(['key']);
          } else if (step === 'send read') {
            stage.open({ data, throttle: 0 });
          } else if (step === 'store other') {
            state += 1;
            store.set('other');
            onWake('key', 'other');
          } else {
            store.take(step);
          }
          await settled();
        }
        store.isManual = false;
        await stage.clock.advance(10_000);
        expect([order, viewer.shown.at(-1)]).toEqual([order, 2]);
        expect([order, runs <= 1 + 2 + 1]).toEqual([order, true]);
      }
    },
  );
});
