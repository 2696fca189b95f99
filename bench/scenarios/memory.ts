import { setTimeout as sleep } from 'node:timers/promises';
import { isHere } from '../contestants/index.ts';
import { type ContestantName, inTurn, type Measurement, type Scenario } from '../measurement.ts';
import type { Size } from '../size.ts';
import { Stage } from '../stage.ts';

const ONE_KEY = 'memory';

interface Setting {
  readonly contestant: ContestantName;
  readonly variant: '' | 'one key' | 'a key each' | 'the same head';
}

const settings: readonly Setting[] = [
  { contestant: 'sse-trigger', variant: 'one key' },
  { contestant: 'bare-express', variant: '' },
  { contestant: 'bare-express', variant: 'the same head' },
  { contestant: 'sse-trigger', variant: 'a key each' },
  { contestant: 'better-sse', variant: '' },
  { contestant: 'express-sse', variant: '' },
  { contestant: 'socket.io', variant: '' },
  { contestant: 'nchan', variant: '' },
  { contestant: 'literal-port', variant: '' },
];

/** What a stream takes that has got one row of 100 B. All watch one key, which is the least for everybody, but where it says so. */
export const memory: Scenario = {
  name: 'memory',
  async *run({ round, size, redisUrl }) {
    for (const { contestant, variant } of inTurn(
      round,
      settings.filter(({ contestant }) => isHere(contestant)),
    )) {
      const values = await measure({ contestant, variant }, size, redisUrl);
      yield { scenario: 'memory', contestant, variant, round, streams: size.streams, values };
    }
  },
};

async function measure(
  { contestant, variant }: Setting,
  size: Size,
  redisUrl: string,
): Promise<Measurement['values']> {
  const { streams, poll } = size;
  const keyEach = variant === 'a key each';
  const keys = Array.from({ length: streams }, (_, index) => (keyEach ? `memory-${index}` : ONE_KEY));
  await using stage = await Stage.build(contestant, {
    redisUrl,
    poll,
    fullHead: variant === 'the same head',
    ...(!keyEach && { onlyKey: ONE_KEY }),
  });
  if (size.warmsUp) await stage.warmUp(keys.slice(0, 50));
  // Told, too, since nchan has no other way to know of them.
  const saves = await stage.pusher.save({ keys: [...new Set(keys)], perSecond: 2000, bytes: 100 });
  const before = await stage.server.usage({ gc: true });

  const { group } = await stage.open(keys);
  const missed = await stage.generator.untilShown(group, saves.last);
  await sleep(Math.min(1000, poll)); // whatever opening has left to do is done
  const after = await stage.server.usage({ gc: true });
  const heap = { heapPerStreamBytes: (after.heapBytes - before.heapBytes) / streams };
  return {
    ...(after.heapBytes > 0 && heap), // nginx has none
    rssPerStreamBytes: (after.rssBytes - before.rssBytes) / streams,
    missed,
    lost: await stage.generator.lost(group),
  };
}
