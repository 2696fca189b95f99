import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Redis } from 'ioredis';
import { answer } from './child.ts';
import type { Publisher, Settings } from './contestants/contestant.ts';
import { loadContestant } from './contestants/load.ts';
import type { ContestantName } from './measurement.ts';
import type { Beats } from './metronome.ts';
import { now } from './now.ts';
import { Rows, rowText } from './rows.ts';

/** The process that saves rows: what it answers. Saves are counted from 1. */
export interface PusherCalls {
  /** `port` is where the contestant serves. */
  start(contestant: ContestantName, settings: Settings, port: number): Promise<void>;
  /** Writes rows without telling anybody. Gives the number of the save, one for all. */
  fill(keys: readonly string[], bytes: number): Promise<number>;
  /**
   * Saves and tells, in open loop: each at its time, whether or not earlier ones were answered.
   * @throws when the contestant did not take one over
   */
  save(plan: SavePlan): Promise<Saves>;
}

export interface SavePlan {
  /** What is saved, one after another. */
  readonly keys: readonly string[];
  readonly perSecond: number;
  /** Size of a row. */
  readonly bytes: number;
}

export interface Saves {
  /** Number of the first one; the others follow. */
  readonly first: number;
  /** Of each one. */
  readonly keys: readonly string[];
  /** By key, number of the last one. */
  readonly last: ReadonlyMap<string, number>;
  /** One each, as in now.ts: when it was meant, when it was begun, when the row was there and the contestant took it over. */
  readonly at: Float64Array;
  readonly begun: Float64Array;
  readonly acknowledged: Float64Array;
}

/** So that the thread that beats time is up before the first is due. */
const LEAD = 50_000;

let rows: Rows;
let publisher: Publisher;
let saves = 0;

answer({
  async start(contestant, settings, port) {
    rows = new Rows(new Redis(settings.redisUrl));
    publisher = await (await loadContestant(contestant)).publisher(settings, port);
  },

  async fill(keys, bytes) {
    const row = rowText(++saves, now(), bytes);
    await Promise.all(keys.map((key) => rows.write(key, row)));
    return saves;
  },

  async save({ keys, perSecond, bytes }) {
    const first = saves + 1;
    saves += keys.length;
    const start = now() + LEAD;
    const at = Float64Array.from(keys, (_, index) => start + (index / perSecond) * 1e6);
    const begun = new Float64Array(keys.length);
    const acknowledged = new Float64Array(keys.length);
    let refused = 0;
    const save = async (index: number) => {
      begun[index] = now();
      const key = keys[index]!;
      const row = rowText(first + index, at[index]!, bytes);
      await rows.write(key, row);
      if ((await publisher.publish(key, row)) === false) refused++;
      acknowledged[index] = now();
    };
    await onEachBeat({ start, perSecond, count: keys.length }, save);
    if (refused > 0) throw new Error(`${refused} of ${keys.length} pushes were not taken over`);
    return {
      first,
      keys,
      last: new Map(keys.map((key, index) => [key, first + index])),
      at,
      begun,
      acknowledged,
    };
  },
} satisfies PusherCalls);

/** Resolves when all that `onBeat` began is done. */
async function onEachBeat(beats: Beats, onBeat: (beat: number) => Promise<void>): Promise<void> {
  const metronome = new Worker(new URL('./metronome.js', import.meta.url), { workerData: beats });
  const begun: Promise<void>[] = [];
  metronome.on('message', (beat: number) => begun.push(onBeat(beat)));
  await once(metronome, 'exit');
  await Promise.all(begun);
}
