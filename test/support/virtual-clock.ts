import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../src/clock.ts';
import { LONGEST_TIMER } from '../../src/option-checks.ts';
import { type Timer, TimerHeap } from './timer-heap.ts';

/** Time that passes only when the test says so, and everything that is due in it happens in its order. */
export class VirtualClock implements Clock {
  readonly #timers = new TimerHeap();
  readonly #settled: () => Promise<void>;
  #now = 0;
  #set = 0;
  #pending = 0;

  /** `settle` resolves when all has gone as far as it can without time passing. @defaultValue a turn of the event loop */
  constructor(settle = settled) {
    this.#settled = settle;
  }

  now(): number {
    return this.#now;
  }

  after(delay: number, run: () => void): () => void {
    // Node would take it for 1 ms.
    if (!(delay <= LONGEST_TIMER)) throw new RangeError(`no timer can wait for ${delay} ms`);
    this.#set += 1;
    this.#pending += 1;
    const timer: Timer = { at: this.#now + delay, number: this.#set, run, isStopped: false };
    this.#timers.add(timer);
    return () => this.#stop(timer);
  }

  /** Timers that were neither stopped nor run. */
  get pending(): number {
    return this.#pending;
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await this.#settled();
      const next = this.#next();
      if (next === undefined || next.at > end) break;
      this.#now = Math.max(this.#now, next.at);
      this.#stop(next);
      next.run();
    }
    this.#now = end;
  }

  #stop(timer: Timer): void {
    if (timer.isStopped) return;
    timer.isStopped = true;
    this.#pending -= 1;
  }

  /** Of timers due at the same moment, the one set first. */
  #next(): Timer | undefined {
    while (this.#timers.first?.isStopped) this.#timers.removeFirst();
    return this.#timers.first;
  }
}

/** Resolves when all promises have gone as far as they can without time passing. */
export async function settled(): Promise<void> {
  await setImmediate();
}

/** As `settled`, where nothing waits for the event loop: many times faster, and keeps everything else of the process waiting. */
export function promisesSettled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
