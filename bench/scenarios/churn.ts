import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Scenario } from '../measurement.ts';
import { Stage } from '../stage.ts';

const WAKES = 'sse:wake:0';
/** Part of the run's streams that stay while others come and go. */
const STANDING = 1 / 5;
/** Milliseconds in which the server has to have forgotten who left. */
const DEADLINE = 10_000;

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
      await stage.open(Array.from({ length: streams }, (_, index) => `standing-${index}`));

      /** Each client with a key that nobody had before. */
      const comeAndGo = (name: string, seconds: number) =>
        stage.generator.churn({
          port: stage.port,
          protocol: stage.contestant.protocol,
          keys: Array.from({ length: perSecond * seconds }, (_, index) => `${name}-${index}`),
          perSecond,
          seconds,
        });
      const holdings = async () => {
        await untilGone(stage, streams);
        const timers = await stage.server.timers();
        const { heapBytes } = await stage.server.usage({ gc: true });
        const { keys = Number.NaN, streams: open = Number.NaN } = await stage.server.counts();
        const [, subscribers] = (await redis.pubsub('NUMSUB', WAKES)) as [string, number];
        return { heapBytes, keys, open, timers, subscribers };
      };

      // What grows with the first and then stays is no leak.
      await comeAndGo('early', Math.max(1, churnSeconds / 4));
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
          heapGrowthPerConnectBytes: (after.heapBytes - before.heapBytes) / opened,
          keysGrowth: after.keys - before.keys,
          streamsGrowth: after.open - before.open,
          timersGrowth: after.timers - before.timers,
          subscriptionsGrowth: after.subscribers - before.subscribers,
          connects: opened,
          lost,
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
