import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Feed } from '../../src/feed.ts';
import { FeedConnection, type Slot } from '../../src/feed-connection.ts';
import { Outbox, type OutboxOptions } from '../../src/outbox.ts';
import { Permission } from '../../src/permission.ts';
import { Poller } from '../../src/poller.ts';
import type { StoredVersion } from '../../src/store.ts';
import { Versions } from '../../src/versions.ts';
import { calmSchedules, live, liveCalmly, troubledSchedules } from './schedule.ts';
import type { World, WorldOptions } from './world.ts';

type Rule = (...args: never[]) => unknown;

/** Has one rule of the design decided otherwise; `wrong` gets the right decision to build on. */
function breakRule(owner: { prototype: object }, rule: string, wrong: (right: Rule) => Rule): void {
  const prototype = owner.prototype as Record<string, Rule>;
  const right = prototype[rule];
  if (right === undefined) throw new Error(`${rule} is no rule any more`);
  vi.spyOn(prototype, rule).mockImplementation(wrong(right));
}

/** Whether the worlds tell the broken engine from the right one; with a fixed seed, so that they always do. */
async function isCaught(changes: Partial<WorldOptions> = {}): Promise<boolean> {
  for (const [schedules, liveThrough] of [
    [calmSchedules, liveCalmly],
    [troubledSchedules, live],
  ] as const) {
    const { failed } = await fc.check(
      fc.asyncProperty(schedules, async (schedule) => isClean(await liveThrough(schedule, changes))),
      { numRuns: schedules === calmSchedules ? 300 : 10_000, seed: 4, endOnFailure: true },
    );
    if (failed) return true;
  }
  return false;
}

function isClean({ violations }: World): boolean {
  return violations.length === 0;
}

describe('the simulation catches an engine in which', () => {
  afterEach(() => void vi.restoreAllMocks());

  it('the version is recorded after the callback', async () => {
    breakRule(
      Feed,
      'toFrame',
      (right) =>
        function toFrame(this: { position(): string }, run: object, data: unknown) {
          return right.call(this, { ...run, position: this.position() } as never, data as never);
        },
    );
    // A slow callback leaves time for a push, and for a client to come back with the wrong id.
    expect(await isCaught({ callback: 1500 })).toBe(true);
  });

  it('a version is a counter', async () => {
    const newToken = () => {
      let count = 0;
      return () => {
        count += 1;
        return String(count);
      };
    };
    expect(await isCaught({ newToken })).toBe(true);
  });

  it('a version is a timestamp, compared with >', async () => {
    breakRule(Versions, 'differs', () => (known?: StoredVersion, answer?: StoredVersion) => {
      return known === undefined || Number.parseInt(answer!.token, 10) > Number.parseInt(known.token, 10);
    });
    // The clocks of two machines are a second apart.
    const newToken: WorldOptions['newToken'] = (process, clock) => () =>
      `${Math.floor(clock.now()) + 1000 * process}`;
    expect(await isCaught({ newToken })).toBe(true);
  });

  it('a missing version is not seeded', async () => {
    breakRule(Poller, 'seeds', () => () => new Map());
    expect(await isCaught()).toBe(true);
  });

  it("the data set's identity is left out of the version", async () => {
    breakRule(Versions, 'differs', () => (known?: StoredVersion, answer?: StoredVersion) => {
      return known?.token !== answer!.token;
    });
    breakRule(
      Versions,
      'compared',
      () =>
        ({ token }: StoredVersion) =>
          token,
    );
    expect(await isCaught()).toBe(true);
  });

  it("the own token is recorded before the store's answer", async () => {
    breakRule(
      Outbox,
      'send',
      (right) =>
        function send(
          this: { options: OutboxOptions },
          tokens: ReadonlyMap<string, string>,
          expires: number,
        ) {
          this.options.onStored(tokens, this.options.mark());
          return right.call(this, tokens as never, expires as never);
        },
    );
    expect(await isCaught()).toBe(true);
  });

  it('answers are applied in the order in which they arrive', async () => {
    breakRule(Versions, 'accepts', () => () => true);
    expect(await isCaught()).toBe(true);
  });

  it('a failed run is not tried again', async () => {
    breakRule(Feed, 'backOff', () => () => undefined);
    expect(await isCaught()).toBe(true);
  });

  it('the store has no deadline', async () => {
    expect(await isCaught({ storeTimeout: 1e12 })).toBe(true);
  });

  it('two results of one feed are made at once', async () => {
    breakRule(Feed, 'isBusy', () => () => false);
    expect(await isCaught()).toBe(true);
  });

  it('polls overlap', async () => {
    breakRule(Poller, 'isBusy', () => () => false);
    expect(await isCaught()).toBe(true);
  });

  it('an id has the positions of frames that were not sent', async () => {
    breakRule(
      FeedConnection,
      'currentId',
      () =>
        function currentId(this: { slots: readonly Slot[] }) {
          return this.slots.map((slot) => slot.newest?.position ?? slot.position ?? '-').join('.');
        },
    );
    expect(await isCaught()).toBe(true);
  });

  it('a result is sent after a no', async () => {
    breakRule(Permission, 'refuse', () => () => {});
    expect(await isCaught()).toBe(true);
  });

  it('a result is sent before the answer', async () => {
    breakRule(Permission, 'allows', () => () => true);
    expect(await isCaught()).toBe(true);
  });

  it('an answer counts although its key has changed since it was asked for', async () => {
    breakRule(Permission, 'counts', () => () => true);
    expect(await isCaught()).toBe(true);
  });
});
