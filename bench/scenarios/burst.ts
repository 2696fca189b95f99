import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario } from '../measurement.ts';
import type { Saves } from '../pusher.ts';
import { Stage } from '../stage.ts';

const KEY = 'burst';
const STREAMS = 20;
/** Milliseconds in which a burst is to happen, and in which runs that nobody wants would show themselves. */
const BURST = 100;
const SETTLE = 250;
/** Bursts that the bench itself did not get out in time are tried again. */
const ATTEMPTS = 5;

/** How often the callback runs: for one change after another, and for many at once. */
export const burst: Scenario = {
  name: 'burst',
  async *run({ round, size, redisUrl }) {
    await using stage = await Stage.build('sse-trigger', { redisUrl, onlyKey: KEY });
    const { group } = await stage.open(new Array(STREAMS).fill(KEY));
    const common = { scenario: 'burst', contestant: 'sse-trigger', round, streams: STREAMS } as const;

    /** Saves in open loop, and waits until everybody shows the last. */
    const save = async (count: number, perSecond: number) => {
      const before = await stage.server.counts();
      const saves = await stage.pusher.save({ keys: new Array(count).fill(KEY), perSecond, bytes: 100 });
      const missed = await stage.generator.untilShown(group, saves.last);
      await sleep(SETTLE);
      const after = await stage.server.counts();
      return { runs: after.rowReads - before.rowReads, missed, saves };
    };

    // The first also fills the server's caches of code.
    await save(1, 1);

    const singles = [];
    for (let change = 0; change < size.burstChanges; change++) singles.push(await save(1, 1));
    const runs = singles.map((single) => single.runs);
    yield {
      ...common,
      variant: 'single changes',
      values: {
        runsPerChangeMin: Math.min(...runs),
        runsPerChangeMax: Math.max(...runs),
        missed: singles.reduce((sum, { missed }) => sum + missed, 0),
      },
    };

    const burstOf = () => save(size.burstPushes, size.burstPushes / (BURST / 1000));
    let many = await burstOf();
    for (let attempt = 1; attempt < ATTEMPTS && wasLate(many.saves); attempt++) many = await burstOf();
    const tookMs = (many.saves.acknowledged.at(-1)! - many.saves.at[0]!) / 1000;
    yield {
      ...common,
      variant: 'burst',
      values: { runs: many.runs, missed: many.missed, burstMs: tookMs },
      ...(wasLate(many.saves) && { void: 'the pusher was late, and it was no burst' }),
    };
  },
};

function wasLate({ at, begun }: Saves): boolean {
  return begun.at(-1)! - at[0]! > 1.5 * BURST * 1000;
}
