import { setTimeout as sleep } from 'node:timers/promises';
import { generatorLoad } from '../generator-load.ts';
import { type ContestantName, inTurn, type Measurement, type Scenario } from '../measurement.ts';
import type { Size } from '../size.ts';
import { Stage } from '../stage.ts';
import { until } from '../until.ts';

const CONTESTANTS: readonly ContestantName[] = ['sse-trigger', 'bare-express'];
/** Connecting at a time. Half of what the kernel lets wait: what it drops comes back a second later, and that would count. */
const AT_ONCE = 2000;
/** Milliseconds of a callback, beyond reading the row. */
const DATA_DELAY = 5;
const SAVES_PER_SECOND = 2000;
/** Milliseconds in which clients have to notice that the server is gone. */
const DEADLINE = 30_000;
/** Polls within which runs that nobody wants would show themselves. */
const SETTLE_POLLS = 1.5;
/** Percent of a core from which the clients' process, which has one thread for them, is what is measured. */
const SATURATED = 90;

type Variant = 'nothing changed' | 'everything changed';

/** The server is killed and started anew, and all clients come back as fast as it goes. */
export const reconnect: Scenario = {
  name: 'reconnect',
  async *run({ round, size, redisUrl }) {
    for (const variant of ['nothing changed', 'everything changed'] as const) {
      for (const contestant of inTurn(round, CONTESTANTS)) {
        const { counts, times } = await measure(contestant, variant, size, redisUrl);
        const common = { scenario: 'reconnect', contestant, round, streams: size.streams } as const;
        yield { ...common, variant, values: counts };
        // Apart, since what is counted is no matter of the bench's load.
        const saturated = times.generatorCpuPercent! > SATURATED;
        yield {
          ...common,
          variant: `${variant}, times`,
          values: times,
          ...(saturated && { void: 'the generator could do no more' }),
        };
      }
    }
  },
};

async function measure(
  contestant: ContestantName,
  variant: Variant,
  { streams, poll }: Size,
  redisUrl: string,
): Promise<Record<'counts' | 'times', Measurement['values']>> {
  const changed = variant === 'everything changed';
  await using stage = await Stage.build(contestant, {
    redisUrl,
    poll,
    dataDelay: DATA_DELAY,
    maxRuns: 32,
    // Who cannot tell what a client has seen either gives everybody the row or nobody.
    greet: changed,
  });
  const keys = Array.from({ length: streams }, (_, index) => `user-${index}`);
  await stage.pusher.fill(keys, 100);
  const { group } = await stage.open(keys);
  if (contestant === 'sse-trigger') await stage.settle(group, 1);

  await stage.endServer();
  const saves = changed
    ? await stage.pusher.save({ keys, perSecond: SAVES_PER_SECOND, bytes: 100 })
    : undefined;
  await until(async () => (await stage.generator.disconnected(group)) === streams, DEADLINE);
  await stage.startServer();

  // It would cost those that are only opened more than they do themselves.
  if (changed) await stage.server.watchLoop();
  await stage.generator.lag();
  const generatorBefore = await stage.generator.usage();
  const begin = performance.now();
  const openedMs = await stage.generator.open(group, stage.port, { atOnce: AT_ONCE });
  if (saves === undefined) {
    const generator = await generatorLoad(stage, generatorBefore, begin);
    await sleep(SETTLE_POLLS * poll);
    const { rowReads } = await stage.server.counts();
    const counts = { runs: rowReads, lost: await stage.generator.lost(group) };
    return { counts, times: { openedMs, ...generator } };
  }
  await stage.generator.untilShown(group, saves.last);
  const shownMs = performance.now() - begin;
  const generator = await generatorLoad(stage, generatorBefore, begin);
  const delay = await stage.server.loopDelay();
  const { rowReads, rowReadsAtOnceMax } = await stage.server.counts();
  return {
    counts: {
      missed: await stage.generator.missed(group),
      lost: await stage.generator.lost(group),
      runs: rowReads,
      runsAtOnceMax: rowReadsAtOnceMax,
    },
    times: { openedMs, shownMs, ...(delay && { loopStallMaxMs: delay.maxMs }), ...generator },
  };
}
