import { parentPort, workerData } from 'node:worker_threads';
import { now } from './now.ts';

/**
 * A thread that tells when each of `count` beats is due. Timers of an event loop are late by up to two milliseconds; a
 * thread that sleeps until the moment is late by some fifty microseconds, and nothing that the others do delays it.
 */
export interface Beats {
  /** The first one's time, as in now.ts. */
  readonly start: number;
  readonly perSecond: number;
  readonly count: number;
}

const { start, perSecond, count } = workerData as Beats;
const never = new Int32Array(new SharedArrayBuffer(4));
for (let beat = 0; beat < count; beat++) {
  const wait = (start + (beat / perSecond) * 1e6 - now()) / 1000;
  if (wait > 0) Atomics.wait(never, 0, 0, wait);
  parentPort!.postMessage(beat);
}
