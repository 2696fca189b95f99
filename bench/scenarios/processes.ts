import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../child.ts';
import { defaults } from '../contestants/contestant.ts';
import type { GeneratorCalls } from '../generator.ts';
import { type BenchContext, inTurn, type Measurement, type Scenario } from '../measurement.ts';
import type { PusherCalls } from '../pusher.ts';
import type { ServerCalls } from '../server.ts';

const PROCESSES = 4;
/** Streams of a key in each of four processes that has any, so that a run a stream would show. */
const STREAMS_A_KEY = 2;
/** Polls within which runs that nobody wants would show themselves. */
const SETTLE_POLLS = 1.5;

/** The streams of each process: a key stands there as often as it has streams. */
type Layout = readonly (readonly string[])[];

/** Several server processes on one Redis: a push runs the callback where it is shown, once, and nowhere else. */
export const processes: Scenario = {
  name: 'processes',
  async *run(context) {
    const { round, size } = context;
    const four = spread(size.processesStreams);
    // The same streams and pushes with nobody to share them with.
    const one = [four.flat()];
    const cases = [
      { variant: 'four processes', layout: four },
      { variant: 'one process', layout: one },
    ];
    for (const { variant, layout } of inTurn(round, cases)) {
      const streams = layout.flat().length;
      const values = await measure(layout, context);
      yield { scenario: 'processes', contestant: 'sse-trigger', variant, round, streams, values };
    }
  },
};

async function measure(layout: Layout, { size, redisUrl }: BenchContext): Promise<Measurement['values']> {
  const { poll, pushesPerSecond: perSecond, processesSeconds } = size;
  const all = [...new Set(layout.flat())];
  // In turn, so that no push comes while the last one of its key is still throttled.
  const pushed = Array.from({ length: perSecond * processesSeconds }, (_, push) => all[push % all.length]!);

  const settings = { ...defaults, redisUrl, poll, noteReads: true };
  const servers = layout.map(() => new Child<ServerCalls>('server'));
  const generator = new Child<GeneratorCalls>('generator');
  const pusher = new Child<PusherCalls>('pusher');
  const runsByKey = () => Promise.all(servers.map(({ calls }) => calls.rowReadsByKey()));
  try {
    const [ports] = await Promise.all([
      Promise.all(servers.map(({ calls }) => calls.start('sse-trigger', settings))),
      pusher.calls.start('sse-trigger', settings, 0),
    ]);
    const groups: number[] = [];
    for (const [index, port] of ports.entries()) {
      const group = await generator.calls.group({ protocol: 'event-stream', keys: layout[index]! });
      await generator.calls.open(group, port);
      groups.push(group);
    }
    await sleep(SETTLE_POLLS * poll);

    const before = await runsByKey();
    const saves = await pusher.calls.save({ keys: pushed, perSecond, bytes: 100 });
    await Promise.all(groups.map((group) => generator.calls.untilShown(group, saves.last)));
    await sleep(SETTLE_POLLS * poll);
    const after = await runsByKey();

    const pushes = countsOf(pushed);
    // Of each key in each process: callback runs, and what they should be.
    const counts = layout.flatMap((keys, process) => {
      const shown = new Set(keys);
      return all.map((key) => ({
        runs: (after[process]!.get(key) ?? 0) - (before[process]!.get(key) ?? 0),
        owed: shown.has(key) ? (pushes.get(key) ?? 0) : 0,
      }));
    });
    const runs = sum(counts.map((count) => count.runs));
    return {
      pushes: pushed.length,
      runs,
      runsAPush: runs / sum(counts.map(({ owed }) => owed)),
      runsMissing: sum(counts.map((count) => Math.max(0, count.owed - count.runs))),
      runsNeedless: sum(counts.map((count) => Math.max(0, count.runs - count.owed))),
      missed: sum(await Promise.all(groups.map((group) => generator.calls.missed(group)))),
      lost: sum(await Promise.all(groups.map((group) => generator.calls.lost(group)))),
    };
  } finally {
    await Promise.all([...servers, generator, pusher].map((child) => child.end()));
  }
}

/**
 * Four processes, in all about as many streams as asked for: the number of a key, in binary, says in which of them it has
 * some. Every combination comes as often, but for none.
 */
function spread(streams: number): Layout {
  const combinations = 2 ** PROCESSES - 1;
  // Each process is in half of all combinations.
  const streamsOfAll = PROCESSES * ((combinations + 1) / 2) * STREAMS_A_KEY;
  const repeats = Math.max(1, Math.round(streams / streamsOfAll));
  return Array.from({ length: PROCESSES }, (_, process) => {
    const keys: string[] = [];
    for (let number = 0; number < combinations * repeats; number++) {
      const combination = (number % combinations) + 1;
      if (combination & (1 << process)) keys.push(...new Array<string>(STREAMS_A_KEY).fill(`key-${number}`));
    }
    return keys;
  });
}

function countsOf(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
