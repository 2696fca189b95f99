import { setTimeout as sleep } from 'node:timers/promises';
import { StuckClients } from '../clients/stuck-clients.ts';
import { lagOf } from '../lag.ts';
import { type ContestantName, inTurn, type Measurement, type Scenario, untilValid } from '../measurement.ts';
import { latenciesOf, receiptsOf } from '../receipts.ts';
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
      // The healthy ones; those that are stuck are as many.
      const common = { scenario: 'stuck', contestant, round, streams: size.stuckStreams } as const;
      const attempts = untilValid(() => measure(contestant, variant === STUCK, size, redisUrl));
      let again = {};
      for await (const { memory, ...latency } of attempts) {
        // Apart, since memory is no matter of the bench's lag: the first attempt counts, whatever its times do.
        yield { ...common, variant, ...memory, ...again };
        yield { ...common, variant: `${variant}, latency`, ...latency };
        again = { void: 'only times were measured again' };
      }
    }
  },
};

async function measure(
  contestant: ContestantName,
  withStuck: boolean,
  size: Size,
  redisUrl: string,
): Promise<Pick<Measurement, 'values' | 'void'> & { memory: Pick<Measurement, 'values' | 'series'> }> {
  const { stuckStreams, stuckSaves } = size;
  await using stage = await Stage.build(contestant, { redisUrl, onlyKey: KEY, poll: POLL });
  const keys = new Array<string>(stuckStreams).fill(KEY);
  if (size.warmsUp) await stage.warmUp(keys, BYTES);
  const { group } = await stage.open(keys);
  await using stuckClients = withStuck ? await StuckClients.open(stage.port, stuckStreams, KEY) : undefined;
  // The others grow by so much that what V8 still has to give back makes no difference.
  if (contestant === 'sse-trigger') {
    await stage.server.usage({ gc: true });
    await sleep(size.settleSeconds * 1000);
  }
  const sockets = await stage.server.sockets();
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
  await stage.generator.untilShown(group, saves.last);
  const deliveries = await stage.generator.takeDeliveries(group);
  const latencies = latenciesOf(receiptsOf(deliveries, saves, keys), saves);
  const latencyP99Ms = quantile(latencies, 0.99);
  const lag = await lagOf(stage, saves, latencyP99Ms, size);
  const end = await stage.server.usage({ gc: true });
  const held = await stage.server.sockets();
  if (held !== sockets || stuckClients?.isAlive === false) {
    throw new Error(
      `${contestant} held ${sockets} connections before, and ${held} with clients that are stuck`,
    );
  }
  return {
    ...lag,
    values: {
      latencyP50Ms: quantile(latencies, 0.5),
      latencyP99Ms,
      received: deliveries.received.length,
      ...lag.values,
    },
    memory: {
      values: {
        rssGrowthBytes: end.rssBytes - start.rssBytes,
        memoryGrowthBytes: end.heapBytes + end.externalBytes - start.heapBytes - start.externalBytes,
        missed: await stage.generator.missed(group),
        lost: await stage.generator.lost(group),
      },
      series,
    },
  };
}
