import { setTimeout as sleep } from 'node:timers/promises';
import { type ContestantName, inTurn, type Measurement, type Scenario } from '../measurement.ts';
import { RedisCommands } from '../redis-commands.ts';
import type { Size } from '../size.ts';
import { Stage } from '../stage.ts';

interface Case {
  readonly contestant: ContestantName;
  readonly variant: 'heartbeats off' | 'heartbeats on' | 'doing nothing';
  /** Of the run's streams. */
  readonly share: number;
  /** Whether only what it asks of Redis is told, which is how it grows: then the first round is enough, and no settling. */
  readonly commandsOnly?: true;
}

const cases: readonly Case[] = [
  { contestant: 'sse-trigger', variant: 'heartbeats off', share: 1 },
  { contestant: 'literal-port', variant: 'heartbeats off', share: 1 },
  { contestant: 'sse-trigger', variant: 'heartbeats on', share: 1 },
  { contestant: 'literal-port', variant: 'heartbeats on', share: 1 },
  { contestant: 'bare-node', variant: 'doing nothing', share: 1 },
  { contestant: 'sse-trigger', variant: 'heartbeats off', share: 0.5 },
  { contestant: 'literal-port', variant: 'heartbeats off', share: 0.5, commandsOnly: true },
  { contestant: 'sse-trigger', variant: 'heartbeats off', share: 0.1 },
  { contestant: 'literal-port', variant: 'heartbeats off', share: 0.1, commandsOnly: true },
];

/**
 * Polls over which clients come, one by one as they do in life. Were they to come in bursts, the loops of the literal port
 * would ask together ever after, and share packets to Redis.
 */
const OPENING = 2;

/** What it costs to hold streams on as many keys while nothing happens. */
export const idle: Scenario = {
  name: 'idle',
  async *run({ round, size, redisUrl }) {
    const wanted = cases
      .filter(({ share }) => share === 1 || size.growthShares.includes(share))
      .filter(({ commandsOnly }) => round === 0 || !commandsOnly);
    for (const { contestant, variant, share, commandsOnly = false } of inTurn(round, wanted)) {
      const streams = Math.round(size.streams * share);
      const heartbeat = variant === 'heartbeats on' ? size.heartbeat : 0;
      const values = await measure(contestant, { redisUrl, streams, size, heartbeat, commandsOnly });
      yield { scenario: 'idle', contestant, variant, round, streams, values };
    }
  },
};

interface Plan {
  readonly redisUrl: string;
  readonly streams: number;
  readonly size: Size;
  readonly heartbeat: number;
  readonly commandsOnly: boolean;
}

async function measure(
  contestant: ContestantName,
  { redisUrl, streams, size, heartbeat, commandsOnly }: Plan,
): Promise<Measurement['values']> {
  const { poll, idleSeconds, settleSeconds } = size;
  const keys = Array.from({ length: streams }, (_, index) => `idle-${index}`);
  await using stage = await Stage.build(contestant, { redisUrl, poll, heartbeat });
  using commands = new RedisCommands(redisUrl);
  if (size.warmsUp) await stage.warmUp(keys.slice(0, 50));
  const empty = await stage.server.usage({ gc: true });

  const save = await stage.pusher.fill(keys, 100);
  const { group } = await stage.open(keys, { over: OPENING * poll });
  await stage.generator.untilShown(group, save);
  // The garbage that opening has left would be collected within the window.
  await stage.server.usage({ gc: true });
  await sleep(commandsOnly ? poll : settleSeconds * 1000);

  const before = await stage.server.usage({ gc: false });
  const { checks: checksBefore = 0 } = await stage.server.counts();
  const commentsBefore = await stage.generator.comments(group);
  await commands.begin();
  const start = performance.now();
  await sleep(commandsOnly ? 2 * poll : idleSeconds * 1000);
  const after = await stage.server.usage({ gc: false });
  const elapsed = (performance.now() - start) / 1000;
  const heartbeats = (await stage.generator.comments(group)) - commentsBefore;
  const calls = await commands.end();
  const { checks } = await stage.server.counts();
  const held = await stage.server.usage({ gc: true });

  const all = [...calls.values()].reduce((sum, count) => sum + count, 0);
  const polls = checks === undefined ? undefined : (checks - checksBefore) / streams;
  return {
    redisCommandsPerSecond: all / elapsed,
    ...(!commandsOnly && {
      cpuPercent: (after.cpuMicros - before.cpuMicros) / 1e4 / elapsed,
      heapPerStreamBytes: (held.heapBytes - empty.heapBytes) / streams,
      rssPerStreamBytes: (held.rssBytes - empty.rssBytes) / streams,
    }),
    missed: await stage.generator.missed(group),
    lost: await stage.generator.lost(group),
    ...(heartbeat > 0 && { heartbeatShare: heartbeats / ((streams * elapsed * 1000) / heartbeat) }),
    ...(polls && { mgetsPerPoll: (calls.get('mget') ?? 0) / polls, commandsPerPoll: all / polls }),
  };
}
