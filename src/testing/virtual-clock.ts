import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { LONGEST_TIMER } from '../option-checks.ts';

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/**
 * Time that passes only when the test says so, and everything that is due in it happens in its order. Begins with 0.
 *
 * What a test does over real connections takes real time all the same, in which none passes here.
 */
export class VirtualClock implements Clock {
  readonly #timers = new Set<Timer>();
  readonly #settle: () => Promise<void>;
  #now = 0;

  /** `settle` resolves when all has gone as far as it can without time passing. @defaultValue a turn of the event loop */
  constructor(settle = settled) {
    this.#settle = settle;
  }

  now(): number {
    return this.#now;
  }

  after(delay: number, run: () => void): () => void {
    // Node would take it for 1 ms.
    if (!(delay <= LONGEST_TIMER)) throw new RangeError(`no timer can wait for ${delay} ms`);
    const timer = { at: this.#now + delay, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Timers that were neither stopped nor run. */
  get pending(): number {
    return this.#timers.size;
  }

  /**
   * Lets so many milliseconds pass, and what they make due happen, one after the other; between two of them all promises go
   * as far as they can. Resolves when that is done. What is waited for over a connection may come later.
   */
  async advance(ms: number): Promise<void> {
    // Any other would never end, or leave a time that is none.
    if (!Number.isFinite(ms)) throw new RangeError(`time cannot go on by ${ms} ms`);
    const end = this.#now + ms;
    for (;;) {
      await this.#settle();
      const next = this.#earliest();
      if (next === undefined || next.at > end) break;
      this.#now = next.at;
      this.#timers.delete(next);
      next.run();
    }
    // Somebody else may have let more pass meanwhile.
    this.#now = Math.max(this.#now, end);
  }

  /** Of timers due at the same moment, the one set first. */
  #earliest(): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) if (earliest === undefined || timer.at < earliest.at) earliest = timer;
    return earliest;
  }
}

/** Resolves when all promises have gone as far as they can without time passing. */
export async function settled(): Promise<void> {
  await setImmediate();
}

/** As `settled`, where nothing waits for the event loop: faster, and everything else in the process has to wait. */
export function promisesSettled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
