import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../child.ts';
import { defaults } from '../contestants/contestant.ts';
import type { GeneratorCalls } from '../generator.ts';
import type { Scenario } from '../measurement.ts';
import type { PusherCalls } from '../pusher.ts';
import type { ServerCalls } from '../server.ts';

const PROCESSES = 4;
/** Streams of a key in each process that has any, so that a run a stream would show. */
const STREAMS_A_KEY = 2;
/** Polls within which runs that nobody wants would show themselves. */
const SETTLE = 1.5;

/** Several server processes on one Redis: a push runs the callback where it is shown, once, and nowhere else. */
export const processes: Scenario = {
  name: 'processes',
  async *run({ round, size, redisUrl }) {
    const shownIn = keysByProcess(size.processesStreams);
    const all = [...new Set(shownIn.flatMap((keys) => [...keys]))];
    const count = size.pushesPerSecond * size.processesSeconds;
    // In turn, so that no push comes while the last one of its key is still throttled.
    const pushed = Array.from({ length: count }, (_, push) => all[push % all.length]!);

    const settings = { ...defaults, redisUrl, poll: size.poll, noteReads: true };
    const servers = Array.from({ length: PROCESSES }, () => new Child<ServerCalls>('server'));
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
        const keys = [...shownIn[index]!].flatMap((key) => new Array<string>(STREAMS_A_KEY).fill(key));
        const group = await generator.calls.group({ protocol: 'event-stream', keys });
        await generator.calls.open(group, port);
        groups.push(group);
      }
      await sleep(SETTLE * size.poll);

      const before = await runsByKey();
      const saves = await pusher.calls.save({ keys: pushed, perSecond: size.pushesPerSecond, bytes: 100 });
      const missed = await Promise.all(groups.map((group) => generator.calls.untilShown(group, saves.last)));
      await sleep(SETTLE * size.poll);
      const after = await runsByKey();

      const pushes = countsOf(pushed);
      // Of each key in each process: callback runs, less what they should be.
      const surpluses = shownIn.flatMap((shown, process) =>
        all.map((key) => {
          const runs = (after[process]!.get(key) ?? 0) - (before[process]!.get(key) ?? 0);
          return runs - (shown.has(key) ? pushes.get(key)! : 0);
        }),
      );
      const runs = sum(after.flatMap((byKey) => [...byKey.values()]));
      const runsBefore = sum(before.flatMap((byKey) => [...byKey.values()]));
      yield {
        scenario: 'processes',
        contestant: 'sse-trigger',
        variant: '',
        round,
        streams: sum(shownIn.map((keys) => keys.size * STREAMS_A_KEY)),
        values: {
          pushes: count,
          runs: runs - runsBefore,
          runsMissing: sum(surpluses.map((surplus) => Math.max(0, -surplus))),
          runsNeedless: sum(surpluses.map((surplus) => Math.max(0, surplus))),
          missed: sum(missed),
          lost: sum(await Promise.all(groups.map((group) => generator.calls.lost(group)))),
        },
      };
    } finally {
      await Promise.all([...servers, generator, pusher].map((child) => child.end()));
    }
  },
};

/**
 * Which keys have streams in which process, in all about as many streams as asked for: the number of a key, in binary,
 * says in which it has some. Every combination comes as often, but for none.
 */
function keysByProcess(streams: number): ReadonlySet<string>[] {
  const combinations = 2 ** PROCESSES - 1;
  // Each process is in half of all combinations.
  const streamsOfAll = PROCESSES * ((combinations + 1) / 2) * STREAMS_A_KEY;
  const repeats = Math.max(1, Math.round(streams / streamsOfAll));
  return Array.from({ length: PROCESSES }, (_, process) => {
    const keys = new Set<string>();
    for (let number = 0; number < combinations * repeats; number++) {
      const combination = (number % combinations) + 1;
      if (combination & (1 << process)) keys.add(`key-${number}`);
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
