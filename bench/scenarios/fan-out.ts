import { setTimeout as sleep } from 'node:timers/promises';
import { isHere } from '../contestants/index.ts';
import { generatorLoad } from '../generator-load.ts';
import { type ContestantName, inTurn, type Measurement, type Scenario } from '../measurement.ts';
import type { Size } from '../size.ts';
import { Stage } from '../stage.ts';
import { median } from '../statistics.ts';

const KEY = 'fan-out';
/** Longer than sse-trigger's throttle, so that each save is a frame of its own there, too. */
const GAP = 150;
/** Pushes for the event loop's stall, which are apart, since looking for it costs CPU. */
const STALL_PUSHES = 2;

type Payload = '100 B' | '2 KB' | '20 KB';
const bytesOf: Readonly<Record<Payload, number>> = { '100 B': 100, '2 KB': 2000, '20 KB': 20_000 };

interface Case {
  readonly contestant: ContestantName;
  readonly payloads: readonly Payload[];
  /** Whether no figure takes it, so that the first round is enough. */
  readonly once?: true;
}

const cases: readonly Case[] = [
  { contestant: 'sse-trigger', payloads: ['100 B', '2 KB', '20 KB'] },
  { contestant: 'bare-node', payloads: ['100 B', '2 KB', '20 KB'] },
  { contestant: 'better-sse', payloads: ['100 B', '2 KB', '20 KB'] },
  { contestant: 'express-sse', payloads: ['100 B', '20 KB'], once: true },
  { contestant: 'socket.io', payloads: ['100 B', '20 KB'], once: true },
  { contestant: 'nchan', payloads: ['100 B', '20 KB'], once: true },
];

/** One save after another of a row that everybody watches; the next one when all have the last. */
export const fanOut: Scenario = {
  name: 'fan-out',
  async *run({ round, size, redisUrl }) {
    const { streams, poll } = size;
    const wanted = cases.filter(({ contestant, once }) => isHere(contestant) && (round === 0 || !once));
    for (const { contestant, payloads } of inTurn(round, wanted)) {
      await using stage = await Stage.build(contestant, { redisUrl, poll, onlyKey: KEY });
      if (size.warmsUp) await stage.warmUp(new Array(50).fill(KEY));
      const { group } = await stage.open(new Array(streams).fill(KEY));
      for (const variant of payloads) {
        const pushes = pushesOf(size, variant);
        if (pushes === 0) continue;
        const measured = await measure(stage, group, bytesOf[variant], { pushes, streams });
        yield { scenario: 'fan-out', contestant, variant, round, streams, ...measured };
      }
    }
  },
};

function pushesOf({ fanOutPushes: { small, medium, large } }: Size, payload: Payload): number {
  return { '100 B': small, '2 KB': medium, '20 KB': large }[payload];
}

async function measure(
  stage: Stage,
  group: number,
  bytes: number,
  { pushes, streams }: { readonly pushes: number; readonly streams: number },
): Promise<Pick<Measurement, 'values' | 'void'>> {
  const push = async () => {
    const saves = await stage.pusher.save({ keys: [KEY], perSecond: 1, bytes });
    await stage.generator.untilShown(group, saves.last);
    await sleep(GAP);
    return stage.generator.missed(group);
  };
  await push(); // the first of a size has code compiled and buffers grown
  await stage.server.usage({ gc: true });
  await stage.generator.takeDeliveries(group);
  await stage.generator.lag();

  const generatorBefore = await stage.generator.usage();
  const begin = performance.now();
  const before = await stage.server.usage({ gc: false });
  let missed = 0;
  for (let count = 0; count < pushes; count++) missed += await push();
  const after = await stage.server.usage({ gc: false });
  const generator = await generatorLoad(stage, generatorBefore, begin);

  const { save, at, received } = await stage.generator.takeDeliveries(group);
  const lastMs = new Map<number, number>();
  for (const [index, number] of save.entries()) {
    const latency = (received[index]! - at[index]!) / 1000;
    lastMs.set(number, Math.max(lastMs.get(number) ?? 0, latency));
  }
  const last = [...lastMs.values()];

  await stage.server.watchLoop();
  for (let count = 0; count < STALL_PUSHES; count++) missed += await push();
  const delay = await stage.server.loopDelay();
  const frames = pushes * streams;
  return {
    values: {
      cpuMicrosPerFrame: (after.cpuMicros - before.cpuMicros) / frames,
      cpuUserMicrosPerFrame: (after.cpuUserMicros - before.cpuUserMicros) / frames,
      lastClientMedianMs: median(last),
      lastClientMaxMs: Math.max(...last),
      ...(delay && { loopStallMaxMs: delay.maxMs }),
      received: save.length,
      missed,
      lost: await stage.generator.lost(group),
      ...generator,
    },
    ...(save.length !== frames && { void: `${frames} frames were owed` }),
  };
}
