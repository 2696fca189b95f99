import { setTimeout as sleep } from 'node:timers/promises';
import { StuckClients } from '../clients/stuck-clients.ts';
import { lagOf } from '../lag.ts';
import { type ContestantName, inTurn, type Measurement, type Scenario } from '../measurement.ts';
import type { Size } from '../size.ts';
import { Stage } from '../stage.ts';
import { quantile } from '../statistics.ts';

const KEY = 'stuck';
const BYTES = 20_000;
/** Milliseconds: a look for each save, so that who polls coalesces as little as others do. */
const POLL = 100;
const SAVES_PER_SECOND = 8;

const STUCK = 'stuck clients';
const HEALTHY = 'healthy clients only';

/** Clients that read nothing, beside healthy ones of the same key. */
export const stuck: Scenario = {
  name: 'stuck',
  async *run({ round, size, redisUrl }) {
    const runs: readonly { contestant: ContestantName; variant: string }[] = [
      { contestant: 'sse-trigger', variant: STUCK },
      { contestant: 'literal-port', variant: STUCK },
      { contestant: 'better-sse', variant: STUCK },
      { contestant: 'sse-trigger', variant: HEALTHY },
    ];
    for (const { contestant, variant } of inTurn(round, runs)) {
      const { memory, latency } = await measure(contestant, variant === STUCK, size, redisUrl);
      // The healthy ones; those that are stuck are as many.
      const common = { scenario: 'stuck', contestant, round, streams: size.stuckStreams } as const;
      yield { ...common, variant, ...memory };
      // Apart, since memory is no matter of the bench's lag.
      yield { ...common, variant: `${variant}, latency`, ...latency };
    }
  },
};

async function measure(
  contestant: ContestantName,
  withStuck: boolean,
  size: Size,
  redisUrl: string,
): Promise<Record<'memory' | 'latency', Pick<Measurement, 'values' | 'series' | 'void'>>> {
  const { stuckStreams, stuckSaves } = size;
  await using stage = await Stage.build(contestant, { redisUrl, onlyKey: KEY, poll: POLL });
  const keys = new Array<string>(stuckStreams).fill(KEY);
  if (size.warmsUp) await stage.warmUp(keys, BYTES);
  const { group } = await stage.open(keys);
  await using _ = withStuck ? await StuckClients.open(stage.port, stuckStreams, KEY) : undefined;
  const start = await stage.server.usage({ gc: true });
  await stage.generator.takeDeliveries(group);
  await stage.generator.lag();

  const series = { seconds: [0], memoryBytes: [0] };
  const saving = stage.pusher.save({
    keys: new Array(stuckSaves).fill(KEY),
    perSecond: SAVES_PER_SECOND,
    bytes: BYTES,
  });
  const ended = saving.then(() => true);
  const begin = performance.now();
  while (!(await Promise.race([ended, sleep(1000, false)]))) {
    const { rssBytes } = await stage.server.usage({ gc: false });
    series.seconds.push((performance.now() - begin) / 1000);
    series.memoryBytes.push(rssBytes - start.rssBytes);
  }
  const saves = await saving;
  const lag = await lagOf(stage, saves, size);
  const missed = await stage.generator.untilShown(group, saves.last);
  const { received, at, save } = await stage.generator.takeDeliveries(group);
  const latencies = Array.from(received, (time, index) => (time - at[index]!) / 1000).filter(
    (_, index) => save[index]! >= saves.first,
  );
  const end = await stage.server.usage({ gc: true });
  return {
    memory: {
      values: {
        rssGrowthBytes: end.rssBytes - start.rssBytes,
        memoryGrowthBytes: end.heapBytes + end.externalBytes - start.heapBytes - start.externalBytes,
        missed,
      },
      series,
    },
    latency: {
      ...lag,
      values: {
        latencyP50Ms: quantile(latencies, 0.5),
        latencyP99Ms: quantile(latencies, 0.99),
        received: latencies.length,
        ...lag.values,
      },
    },
  };
}
