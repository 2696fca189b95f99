import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Scenario } from '../measurement.ts';
import { Stage } from '../stage.ts';

/** Part of the run's streams that stay while others come and go. */
const STANDING = 1 / 5;
/** Milliseconds in which the server has to have forgotten who left. */
const DEADLINE = 10_000;
/** Milliseconds in which nobody comes or goes, for what memory grows and shrinks by all the same. */
const QUIET = 5000;

/** What is left of clients that came and went. */
export const churn: Scenario = {
  name: 'churn',
  async *run({ round, size, redisUrl }) {
    const streams = Math.round(size.streams * STANDING);
    const { churnPerSecond: perSecond, churnSeconds } = size;
    await using stage = await Stage.build('sse-trigger', {
      redisUrl,
      poll: size.poll,
      heartbeat: size.heartbeat,
    });
    const redis = new Redis(redisUrl);
    try {
      const { group } = await stage.open(Array.from({ length: streams }, (_, index) => `standing-${index}`));

      /** Each client with a key that nobody had before. */
      const comeAndGo = async (name: string, seconds: number) => {
        const { protocol } = stage.contestant;
        const keys = Array.from({ length: perSecond * seconds }, (_, index) => `${name}-${index}`);
        const result = await stage.generator.churn({ port: stage.port, protocol, keys, perSecond });
        if (result.opened !== keys.length) throw new Error(`${result.opened} of ${keys.length} clients came`);
        return result;
      };
      const holdings = async () => {
        await untilGone(stage, streams);
        const timers = await timersHeld(stage);
        const { heapBytes } = await stage.server.usage({ gc: true });
        const { keys = Number.NaN, streams: open = Number.NaN } = await stage.server.counts();
        return { heapBytes, keys, open, timers, ...(await redisHoldings(redis)) };
      };

      // What grows with the first and then stays is no leak.
      await comeAndGo('early', Math.max(1, churnSeconds / 4));
      const quiet = await holdings();
      await sleep(QUIET);
      const before = await holdings();
      const { opened, lost } = await comeAndGo('guest', churnSeconds);
      const after = await holdings();
      yield {
        scenario: 'churn',
        contestant: 'sse-trigger',
        variant: '',
        round,
        streams,
        values: {
          heapGrowthBytes: after.heapBytes - before.heapBytes,
          heapNoiseBytes: before.heapBytes - quiet.heapBytes,
          keysGrowth: after.keys - before.keys,
          streamsGrowth: after.open - before.open,
          timersGrowth: after.timers - before.timers,
          subscriptionsGrowth: after.subscriptions - before.subscriptions,
          connectionsGrowth: after.connections - before.connections,
          redisKeysGrowth: after.redisKeys - before.redisKeys,
          connects: opened,
          lost: lost + (await stage.generator.lost(group)),
        },
      };
    } finally {
      redis.disconnect();
    }
  },
};

/** Until the server has noticed that clients left; if it never does, the counts will show it. */
async function untilGone(stage: Stage, standing: number): Promise<void> {
  const deadline = performance.now() + DEADLINE;
  while (performance.now() < deadline) {
    const { keys, streams } = await stage.server.counts();
    if (keys === standing && streams === standing) return;
    await sleep(50);
  }
}

/** The least of some counts: the deadline of a look that is under way is not held. */
async function timersHeld(stage: Stage): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 5; look += 1) {
    least = Math.min(least, await stage.server.timers());
    await sleep(30);
  }
  return least;
}

/** Subscriptions of everybody to whatever channel or pattern, connections, and keys of the whole database. */
async function redisHoldings(
  redis: Redis,
): Promise<Record<'subscriptions' | 'connections' | 'redisKeys', number>> {
  const channels = (await redis.pubsub('CHANNELS')) as string[];
  const counts = (await redis.pubsub('NUMSUB', ...channels)) as (string | number)[];
  const subscribers = counts.filter((_, index) => index % 2 === 1).map(Number);
  const patterns = Number(await redis.pubsub('NUMPAT'));
  const clients = (await redis.client('LIST')) as string;
  return {
    subscriptions: subscribers.reduce((sum, count) => sum + count, patterns),
    connections: clients.trim().split('\n').length,
    redisKeys: await redis.dbsize(),
  };
}
