import type { Clock } from './clock.ts';

/**
 * Keys that are pushed both by this process alone and by several that hear of the same change. The slowest of those may
 * write the version that they share over the newer one of this process, and who looked at it before would look no more.
 * So such a key is pushed once more when nobody can be so late.
 */
export class Overlap {
  readonly #clock: Clock;
  readonly #latest: number;
  readonly #push: (keys: readonly string[]) => void;
  readonly #own: RecentKeys;
  readonly #shared: RecentKeys;
  /** Keys of both kinds, and those that have waited once for `latest` already. */
  #young = new Set<string>();
  #old = new Set<string>();
  #stopTimer: (() => void) | undefined;

  /** A shared version is written at most `latest` milliseconds after its change. */
  constructor(clock: Clock, latest: number, push: (keys: readonly string[]) => void) {
    this.#clock = clock;
    this.#latest = latest;
    this.#push = push;
    this.#own = new RecentKeys(clock, latest);
    this.#shared = new RecentKeys(clock, latest);
  }

  /** Notes a push, of versions that are shared or of this process's own. */
  note(keys: readonly string[], areShared: boolean): void {
    const [these, others] = areShared ? [this.#shared, this.#own] : [this.#own, this.#shared];
    for (const key of keys) {
      these.add(key);
      if (others.has(key)) this.#young.add(key);
    }
    if (this.#young.size > 0) this.#stopTimer ??= this.#clock.after(this.#latest, () => this.#turn());
  }

  /** Pushes what waits. */
  close(): void {
    this.#stopTimer?.();
    this.#send(new Set([...this.#old, ...this.#young]));
  }

  #turn(): void {
    const due = this.#old;
    this.#old = this.#young;
    this.#young = new Set();
    this.#stopTimer = this.#old.size > 0 ? this.#clock.after(this.#latest, () => this.#turn()) : undefined;
    this.#send(due);
  }

  #send(keys: ReadonlySet<string>): void {
    if (keys.size > 0) this.#push([...keys]);
  }
}

/** Keys that something happened to within the last `ms` milliseconds, or up to twice as many. */
class RecentKeys {
  readonly #clock: Clock;
  readonly #ms: number;
  #young = new Set<string>();
  #old = new Set<string>();
  /** When the young ones began to be collected. */
  #since: number;

  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
    this.#since = clock.now();
  }

  has(key: string): boolean {
    this.#age();
    return this.#young.has(key) || this.#old.has(key);
  }

  add(key: string): void {
    this.#age();
    this.#young.add(key);
  }

  #age(): void {
    const age = this.#clock.now() - this.#since;
    if (age <= this.#ms) return;
    this.#old = age <= 2 * this.#ms ? this.#young : new Set();
    this.#young = new Set();
    this.#since = this.#clock.now();
  }
}
