import type { StoreRead } from '../contestants/contestant.ts';
import { lagOf } from '../lag.ts';
import {
  type BenchContext,
  type ContestantName,
  inTurn,
  type Measurement,
  type Scenario,
  untilValid,
} from '../measurement.ts';
import type { Saves } from '../pusher.ts';
import { latenciesOf, type Receipt, receiptsOf } from '../receipts.ts';
import { Stage } from '../stage.ts';
import { quantile, quantiles } from '../statistics.ts';

interface Case {
  readonly contestant: ContestantName;
  readonly variant: '' | 'wake' | 'poll';
}

const cases: readonly Case[] = [
  { contestant: 'sse-trigger', variant: 'wake' },
  { contestant: 'socket.io', variant: '' },
  { contestant: 'sse-trigger', variant: 'poll' },
];

/** How long it takes from a save of one of many rows to its receipt by the one who watches it. */
export const latency: Scenario = {
  name: 'latency',
  async *run(context) {
    const { round, size } = context;
    for (const { contestant, variant } of inTurn(round, cases)) {
      for await (const measured of untilValid(() => measure(contestant, variant === 'poll', context))) {
        yield { scenario: 'latency', contestant, variant, round, streams: size.streams, ...measured };
      }
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
  await stage.settle(group, early.last);
  await stage.server.usage({ gc: true });
  await stage.generator.takeDeliveries(group);
  await stage.generator.lag();

  const saves = await saveFor(latencySeconds);
  await stage.generator.untilShown(group, saves.last);
  const deliveries = await stage.generator.takeDeliveries(group);
  const receipts = receiptsOf(deliveries, saves, keys);
  const latencies = latenciesOf(receipts, saves);
  const latencyP99Ms = quantile(latencies, 0.99);
  const polled = byPoll ? pollValues(receipts, saves, await stage.server.reads(), poll) : undefined;
  const lag = await lagOf(stage, saves, polled?.excessP99Ms ?? latencyP99Ms, size);
  return {
    ...lag,
    values: {
      latencyP50Ms: quantile(latencies, 0.5),
      latencyP99Ms,
      ...polled,
      received: deliveries.received.length,
      missed: await stage.generator.missed(group),
      lost: await stage.generator.lost(group),
      ...lag.values,
    },
    series: { latencyMs: quantiles(latencies) },
  };
}

/** What of the latencies is the push, what is waiting for the poll, and what is neither. */
function pollValues(
  receipts: readonly Receipt[],
  saves: Saves,
  reads: readonly StoreRead[],
  poll: number,
): Measurement['values'] {
  const { at, acknowledged } = saves;
  const begun = readsBegun(receipts, saves, reads);
  const pushes = Array.from(acknowledged, (time, save) => (time - at[save]!) / 1000);
  const waits = receipts.map(
    ({ save }, index) => Math.max(0, begun[index]! - acknowledged[save]!) / 1000 / poll,
  );
  const excesses = receipts.map(({ time }, index) => (time - begun[index]!) / 1000);
  return {
    pushP99Ms: quantile(pushes, 0.99),
    waitP10Polls: quantile(waits, 0.1),
    waitP50Polls: quantile(waits, 0.5),
    waitP90Polls: quantile(waits, 0.9),
    excessP50Ms: quantile(excesses, 0.5),
    excessP99Ms: quantile(excesses, 0.99),
  };
}

/**
 * When the read began that each receipt is due to: the first of its key after its push was acknowledged. For a push that
 * was seen by a read before that, while its acknowledgement was on the way, it is the last read before the receipt.
 */
function readsBegun(
  receipts: readonly Receipt[],
  { acknowledged }: Saves,
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
  return receipts.map(({ key, save, time }) => {
    const before = (beginsOf.get(key) ?? []).filter((begin) => begin <= time);
    return before.find((begin) => begin >= acknowledged[save]!) ?? before.at(-1) ?? Number.NaN;
  });
}
