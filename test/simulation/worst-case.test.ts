import { describe, expect, it } from 'vitest';
import type { Reading, Store } from '../../src/store.ts';
import { Stage, type Viewer } from '../support/stage.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';

const POLL = 2000;
const STORE_TIMEOUT = 1000;
const THROTTLE = 100;
/** Until a push is known in the worst case, and how long before that other things happen. */
const KNOWN = 1.1 * POLL + 2 * STORE_TIMEOUT;
const BEFORE = 5;
/** A callback's time. */
const C = 500;

/** A store that has all keys, and takes all the time it may to say what they were when it was asked. */
class SlowStore implements Store {
  /** When it was asked last. */
  readAt = 0;
  readonly #clock: () => VirtualClock;
  readonly #tokens = new Map<string, string>();

  constructor(clock: () => VirtualClock) {
    this.#clock = clock;
  }

  async read(keys: readonly string[]): Promise<readonly Reading[]> {
    this.readAt = this.#clock().now();
    const readings = keys.map((key) => ({ token: this.#tokens.get(key) ?? 'first', identity: '' }));
    await new Promise<void>((resolve) => this.#clock().after(STORE_TIMEOUT - 1, resolve));
    return readings;
  }

  async write(versions: ReadonlyMap<string, string>): Promise<void> {
    for (const [key, token] of versions) this.#tokens.set(key, token);
  }

  async add(): Promise<void> {}
}

/** An engine that does one thing at a time, and waits as long as it may; every callback takes C. */
class SlowStage {
  readonly store: SlowStore = new SlowStore(() => this.clock);
  readonly #stage = new Stage({
    store: this.store,
    storeTimeout: STORE_TIMEOUT,
    random: () => 1 - Number.EPSILON,
    maxRuns: 1,
  });

  get clock(): VirtualClock {
    return this.#stage.clock;
  }

  readonly call = async () => {
    const now = this.clock.now();
    await new Promise<void>((resolve) => this.clock.after(C, resolve));
    return now;
  };

  open(...keys: string[]): Viewer {
    return this.#stage.open({ subject: keys.join(), keys, data: this.call });
  }

  openGuarded(who: string, authorizeKeys: string[], authorizeEvery: number, ...keys: string[]) {
    const authorize = async () => (await this.call()) >= 0;
    const guard = { who, authorize, authorizeKeys, authorizeEvery };
    return this.#stage.apply({ subject: keys.join(), keys, data: this.call, ...guard });
  }

  push(...keys: string[]): void {
    void this.#stage.engine.push(keys);
  }

  /** Until so many milliseconds after `from`. */
  async until(from: number, ms: number): Promise<void> {
    await this.clock.advance(from + ms - this.clock.now());
  }

  /** The moment at which the next poll has just asked. */
  async polled(): Promise<number> {
    const before = this.store.readAt;
    while (this.store.readAt === before) await this.clock.advance(1);
    return this.store.readAt;
  }
}

/** X of the guarantee, with so many callbacks waiting. */
function bound(waiting: number): number {
  return KNOWN + THROTTLE + 2 * C + waiting * C;
}

/** How long it took until a result was sent that began after `pushed`. */
function delayOf(viewer: Viewer | undefined, pushed: number): number {
  const write = viewer?.writes.find(({ bytes }) => {
    const [, began] = /data: (\d+)/.exec(bytes.toString()) ?? [];
    return Number(began) > pushed;
  });
  return write === undefined ? Number.POSITIVE_INFINITY : write.at - pushed;
}

/**
 * Another program pushes `key` just after a poll has asked for it, and another read is under way when the next one is due.
 * Gives when that was; it is BEFORE ms until the push is known.
 */
async function pushAtTheWorstMoment(stage: SlowStage): Promise<number> {
  const pushed = await stage.polled();
  await stage.store.write(new Map([['key', 'pushed']]));
  await stage.until(pushed, 1.1 * POLL - 1);
  stage.open('a key that nobody watches yet').leave();
  await stage.until(pushed, KNOWN - BEFORE);
  return pushed;
}

describe('in the worst case', () => {
  it('a push is seen within the bound, for which calls of authorize wait like those of data', async () => {
    const stage = new SlowStage();
    const viewer = stage.open('key');
    stage.open('other');
    for (const who of ['ann', 'bob', 'cid', 'dan']) stage.openGuarded(who, ['roles'], 1_000_000, 'seldom');
    await stage.clock.advance(30_000);

    const pushed = await pushAtTheWorstMoment(stage);
    stage.push('roles', 'other');
    await stage.clock.advance(20_000);
    // One call runs, and before that of the viewer wait three of authorize and one of data.
    expect(delayOf(viewer, pushed)).toBeLessThanOrEqual(bound(5));
    expect(delayOf(viewer, pushed)).toBeGreaterThan(bound(2));
  });

  it('authorize is asked again just then, and a result waits for its answer, C + Q at most', async () => {
    // What happens until it is asked again is the same whenever that is.
    const { pushed, askedAt } = await play(1_000_000);
    const { delay } = await play(pushed + KNOWN + 3 * C - BEFORE - askedAt);
    // Of the three others and authorize, which wait for their turns with the viewer's.
    const [X, Q] = [bound(4), 4 * C];
    expect(delay).toBeGreaterThan(X);
    expect(delay).toBeLessThanOrEqual(X + C + Q);

    async function play(authorizeEvery: number) {
      const stage = new SlowStage();
      for (const one of ['1', '2', '3']) stage.open('others', one);
      await stage.clock.advance(10_000);
      const askedAt = stage.clock.now();
      const visitor = stage.openGuarded('ann', [], authorizeEvery, 'key');
      await stage.clock.advance(10_000);

      const pushed = await pushAtTheWorstMoment(stage);
      stage.push('others');
      // The last of them runs, before the viewer's result is made, and the yes of then ends before it is there.
      await stage.until(pushed, KNOWN + 3 * C - 2 * BEFORE);
      stage.push('others');
      await stage.clock.advance(20_000);
      return { pushed, askedAt, delay: delayOf(visitor.viewer, pushed) };
    }
  });
});
