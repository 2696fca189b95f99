import { AsyncResource } from 'node:async_hooks';
import type { Clock } from './clock.ts';

/** Something to look after from time to time. */
export interface Visited {
  /** Where the wheel keeps it; for the wheel alone. */
  place: number | undefined;
  /** Does what is due, and says when to come again. */
  visit(now: number): number;
}

/** How precisely, in milliseconds, anything comes when it is due. */
const GRAIN = 100;

/** How many are visited before everybody else has a turn: after a push to all, all are due at once. */
const SLICE = 100;

/**
 * One timer for all connections, however many: they are kept by the tenth of a second in which they are due. A connection
 * that was written to meanwhile is not moved, it only finds nothing to do.
 */
export class Heartbeats {
  readonly #clock: Clock;
  /** That of no request, whoever's write it is that sets the timer. */
  readonly #context = new AsyncResource('SseTriggerHeartbeats');
  readonly #due = new Map<number, Set<Visited>>();
  #stopTimer: (() => void) | undefined;
  #timerTick = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Comes at `at`, instead of when it was to come before. */
  schedule(visited: Visited, at: number): void {
    this.remove(visited);
    const tick = Math.ceil(at / GRAIN);
    const place = this.#due.get(tick) ?? new Set();
    place.add(visited);
    this.#due.set(tick, place);
    visited.place = tick;
    if (tick < this.#timerTick) this.#arm(tick);
  }

  remove(visited: Visited): void {
    const tick = visited.place;
    if (tick === undefined) return;
    visited.place = undefined;
    const place = this.#due.get(tick);
    place?.delete(visited);
    if (place?.size === 0) this.#due.delete(tick);
    if (this.#due.size === 0) this.#disarm();
  }

  #arm(tick: number): void {
    this.#stopTimer?.();
    this.#timerTick = tick;
    const delay = Math.max(0, tick * GRAIN - this.#clock.now());
    this.#stopTimer = this.#context.runInAsyncScope(() => this.#clock.after(delay, () => this.#turn()));
  }

  #disarm(): void {
    this.#stopTimer?.();
    this.#timerTick = Number.POSITIVE_INFINITY;
  }

  #turn(): void {
    const now = this.#clock.now();
    this.#timerTick = Number.POSITIVE_INFINITY;
    for (const visited of this.#slice(now)) {
      // It may have ended meanwhile, during its visit or that of another one.
      if (visited.place === undefined) continue;
      const again = visited.visit(now);
      if (visited.place !== undefined) this.schedule(visited, Math.max(again, now + GRAIN));
    }
    if (this.#due.size > 0) this.#arm(Math.min(...this.#due.keys()));
  }

  /** Some of those that are due. */
  #slice(now: number): Visited[] {
    const slice: Visited[] = [];
    for (const [tick, place] of this.#due) {
      if (tick * GRAIN > now) continue;
      for (const visited of place) {
        if (slice.length === SLICE) return slice;
        slice.push(visited);
      }
    }
    return slice;
  }
}
