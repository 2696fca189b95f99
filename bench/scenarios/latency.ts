import type { Deliveries } from '../clients/group.ts';
import type { StoreRead } from '../contestants/contestant.ts';
import { lagOf } from '../lag.ts';
import {
  type BenchContext,
  type ContestantName,
  inTurn,
  type Measurement,
  type Scenario,
} from '../measurement.ts';
import type { Saves } from '../pusher.ts';
import { Stage } from '../stage.ts';
import { quantile, quantiles } from '../statistics.ts';

interface Setting {
  readonly contestant: ContestantName;
  readonly variant: '' | 'wake' | 'poll';
}

const settings: readonly Setting[] = [
  { contestant: 'sse-trigger', variant: 'wake' },
  { contestant: 'socket.io', variant: '' },
  { contestant: 'sse-trigger', variant: 'poll' },
];

/** How long it takes from a save of one of many rows to its receipt by the one who watches it. */
export const latency: Scenario = {
  name: 'latency',
  async *run(context) {
    const { round, size } = context;
    for (const { contestant, variant } of inTurn(round, settings)) {
      const measured = await measure(contestant, variant === 'poll', context);
      yield { scenario: 'latency', contestant, variant, round, streams: size.streams, ...measured };
    }
  },
};

async function measure(
  contestant: ContestantName,
  byPoll: boolean,
  { size, redisUrl }: BenchContext,
): Promise<Pick<Measurement, 'values' | 'series' | 'void'>> {
  const keys = Array.from({ length: size.streams }, (_, index) => `latency-${index}`);
  const { pushesPerSecond: perSecond, latencySeconds, poll, heartbeat } = size;
  const saveFor = (seconds: number) => {
    const any = () => keys[Math.floor(Math.random() * keys.length)]!;
    return stage.pusher.save({
      keys: Array.from({ length: perSecond * seconds }, any),
      perSecond,
      bytes: 100,
    });
  };

  await using stage = await Stage.build(contestant, {
    redisUrl,
    poll,
    heartbeat,
    wake: !byPoll,
    noteReads: byPoll,
  });
  if (size.warmsUp) await stage.warmUp(keys.slice(0, 50));
  const { group } = await stage.open(keys);
  // Some of the same before, so that code is compiled on all sides.
  const early = await saveFor(Math.min(1, latencySeconds));
  await stage.generator.untilShown(group, early.last);
  await stage.server.usage({ gc: true });
  await stage.generator.takeDeliveries(group);
  await stage.generator.lag();

  const saves = await saveFor(latencySeconds);
  const lag = await lagOf(stage, saves, size);
  const missed = await stage.generator.untilShown(group, saves.last);
  const deliveries = await stage.generator.takeDeliveries(group);
  const latencies = Array.from(deliveries.received, (time, index) => (time - deliveries.at[index]!) / 1000);
  const excess = byPoll ? excessesOf(deliveries, saves, keys, await stage.server.reads()) : [];
  return {
    ...lag,
    values: {
      latencyP50Ms: quantile(latencies, 0.5),
      latencyP99Ms: quantile(latencies, 0.99),
      ...(byPoll && { excessP50Ms: quantile(excess, 0.5), excessP99Ms: quantile(excess, 0.99) }),
      received: latencies.length,
      missed,
      ...lag.values,
    },
    series: { latencyMs: quantiles(latencies), ...(byPoll && { excessMs: quantiles(excess) }) },
  };
}

/**
 * What of each latency is not waiting for the poll: milliseconds from the begin of the first read of its key that began after
 * its push was acknowledged. A push that was already seen by a read before that, while its acknowledgement was on the way,
 * counts from the last read before the receipt.
 */
function excessesOf(
  { client, save, received }: Deliveries,
  { first, acknowledged }: Saves,
  keys: readonly string[],
  reads: readonly StoreRead[],
): number[] {
  const beginsOf = new Map<string, number[]>();
  for (const read of reads) {
    for (const key of read.keys) {
      const begins = beginsOf.get(key);
      if (begins === undefined) beginsOf.set(key, [read.at]);
      else begins.push(read.at);
    }
  }
  return Array.from(received, (time, index) => {
    const begins = beginsOf.get(keys[client[index]!]!) ?? [];
    const pushed = acknowledged[save[index]! - first]!;
    const before = begins.filter((begin) => begin <= time);
    const begin = before.find((begin) => begin >= pushed) ?? before.at(-1);
    return begin === undefined ? Number.NaN : (time - begin) / 1000;
  });
}
