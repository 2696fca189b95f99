import type { Clock } from './clock.ts';

/** How many pass in one turn of the event loop. */
const SLICE = 100;

/** Lets a crowd pass in slices and in the order in which it came, so that everybody else has a turn in between. */
export class Turnstile {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  /** How many may still pass in this turn. */
  #free = SLICE;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves at once, or in a later turn for those who come together with many others. */
  async pass(): Promise<void> {
    if (this.#free === SLICE) this.#clock.after(0, () => this.#nextTurn());
    if (this.#free === 0) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#free -= 1;
  }

  #nextTurn(): void {
    const slice = this.#waiting.splice(0, SLICE);
    this.#free = SLICE - slice.length;
    if (slice.length > 0) this.#clock.after(0, () => this.#nextTurn());
    for (const pass of slice) pass();
  }
}
