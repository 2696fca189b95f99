import { setTimeout as sleep } from 'node:timers/promises';
import { type Scenario, untilValid } from '../measurement.ts';
import type { Saves } from '../pusher.ts';
import { Stage } from '../stage.ts';

const KEY = 'burst';
const STREAMS = 20;
/** Milliseconds between two looks: fewer than elsewhere, since after each change some pass. */
const POLL = 500;
/** Milliseconds after a push in which runs that nobody wants would show themselves: the poll at its longest has read, and run. */
const SETTLE = 1.1 * POLL + 100;
/** Milliseconds in which a burst is to happen. */
const BURST = 100;

/** How often the callback runs: for one change after another, and for many at once. */
export const burst: Scenario = {
  name: 'burst',
  async *run({ round, size, redisUrl }) {
    await using stage = await Stage.build('sse-trigger', { redisUrl, poll: POLL, onlyKey: KEY });
    const { group } = await stage.open(new Array(STREAMS).fill(KEY));
    const common = { scenario: 'burst', contestant: 'sse-trigger', round, streams: STREAMS } as const;

    /** Saves in open loop, and waits until everybody shows the last. */
    const save = async (count: number, perSecond: number) => {
      const before = await stage.server.counts();
      const saves = await stage.pusher.save({ keys: new Array(count).fill(KEY), perSecond, bytes: 100 });
      await stage.generator.untilShown(group, saves.last);
      await sleep(SETTLE);
      const missed = await stage.generator.missed(group);
      const after = await stage.server.counts();
      return { runs: after.rowReads - before.rowReads, missed, saves };
    };

    // The first also fills the server's caches of code.
    if ((await save(1, 1)).missed > 0) throw new Error('clients never showed the first row');

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

    const saveMany = async () => {
      const { runs, missed, saves } = await save(size.burstPushes, size.burstPushes / (BURST / 1000));
      const burstMs = (saves.acknowledged.at(-1)! - saves.at[0]!) / 1000;
      return {
        values: { runs, missed, burstMs, lost: await stage.generator.lost(group) },
        ...(wasLate(saves) && { void: 'the pusher was late, and it was no burst' }),
      };
    };
    for await (const measured of untilValid(saveMany)) yield { ...common, variant: 'burst', ...measured };
  },
};

function wasLate({ at, begun }: Saves): boolean {
  return begun.at(-1)! - at[0]! > 1.5 * BURST * 1000;
}
