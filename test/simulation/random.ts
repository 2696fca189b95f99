/** Numbers that are the same in every run with the same seed. */
export class Random {
  #state: number;
  /** How often what takes its time takes all that it may. */
  readonly #slow: number;

  constructor(seed: number, slow = 0) {
    this.#state = seed >>> 0;
    this.#slow = slow;
  }

  /** From 0 to less than 1 (mulberry32). */
  next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  upTo(most: number): number {
    return this.next() * most;
  }

  /** How long something takes. */
  duration(most: number): number {
    return this.chance(this.#slow) ? most : this.upTo(most);
  }

  /** As `next`, for who draws how long to wait. */
  pause = (): number => (this.chance(this.#slow) ? 1 - Number.EPSILON : this.next());

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.upTo(from.length))]!;
  }
}
