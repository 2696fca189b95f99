import { setTimeout as sleep } from 'node:timers/promises';
import { isHere } from '../contestants/index.ts';
import { type ContestantName, inTurn, type Measurement, type Scenario } from '../measurement.ts';
import { startRedis } from '../programs.ts';
import type { Size } from '../size.ts';
import { Stage } from '../stage.ts';
import type { Usage } from '../usage.ts';

const ONE_KEY = 'memory';
/** Measured at the same time, each with a Redis of its own, since nothing here is a matter of speed. */
const AT_ONCE = 5;

interface Case {
  readonly contestant: ContestantName;
  readonly variant: '' | 'one key' | 'a key each' | 'the same head';
  /** Whether no figure takes it, so that the first round is enough. */
  readonly once?: true;
}

const cases: readonly Case[] = [
  { contestant: 'sse-trigger', variant: 'one key' },
  { contestant: 'bare-express', variant: '' },
  { contestant: 'bare-express', variant: 'the same head' },
  { contestant: 'sse-trigger', variant: 'a key each' },
  { contestant: 'better-sse', variant: '' },
  { contestant: 'express-sse', variant: '', once: true },
  { contestant: 'socket.io', variant: '', once: true },
  { contestant: 'nchan', variant: '', once: true },
  { contestant: 'literal-port', variant: '', once: true },
];

/** What a stream takes that has got one row of 100 B. All watch one key, which is the least for everybody, but where it says so. */
export const memory: Scenario = {
  name: 'memory',
  async *run({ round, size }) {
    const wanted = cases.filter(({ contestant, once }) => isHere(contestant) && (round === 0 || !once));
    const waiting = inTurn(round, wanted).values();
    const measured: Measurement[] = [];
    const measureAll = async () => {
      for (const one of waiting) {
        const { contestant, variant } = one;
        const values = await measure(one, size);
        measured.push({ scenario: 'memory', contestant, variant, round, streams: size.streams, values });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, measureAll));
    yield* measured;
  },
};

async function measure({ contestant, variant }: Case, size: Size): Promise<Measurement['values']> {
  const { streams, poll } = size;
  const keyEach = variant === 'a key each';
  const keys = Array.from({ length: streams }, (_, index) => (keyEach ? `memory-${index}` : ONE_KEY));
  await using redis = await startRedis();
  await using stage = await Stage.build(contestant, {
    redisUrl: `redis://127.0.0.1:${redis.port}`,
    poll,
    fullHead: variant === 'the same head',
    ...(!keyEach && { onlyKey: ONE_KEY }),
  });
  if (size.warmsUp) await stage.warmUp(keys.slice(0, 50));
  // Told, too, since nchan has no other way to know of them.
  const saves = await stage.pusher.save({ keys: [...new Set(keys)], perSecond: 2000, bytes: 100 });
  const before = await settledUsage(stage, size);

  const { group } = await stage.open(keys);
  await stage.generator.untilShown(group, saves.last);
  const after = await settledUsage(stage, size);
  const heap = { heapPerStreamBytes: (after.heapBytes - before.heapBytes) / streams };
  return {
    ...(after.heapBytes > 0 && heap), // nginx has none
    rssPerStreamBytes: (after.rssBytes - before.rssBytes) / streams,
    missed: await stage.generator.missed(group),
    lost: await stage.generator.lost(group),
  };
}

async function settledUsage({ server }: Stage, { settleSeconds }: Size): Promise<Usage> {
  await server.usage({ gc: true });
  await sleep(settleSeconds * 1000);
  return server.usage({ gc: true });
}
