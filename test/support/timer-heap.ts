/** Something that is to be done at a moment. */
export interface Timer {
  readonly at: number;
  /** Counts all timers, so that of those due at the same moment the one set first comes first. */
  readonly number: number;
  readonly run: () => void;
  isStopped: boolean;
}

/** Timers, of which the one that is due first can be had at once. */
export class TimerHeap {
  /** Each is due no later than those at twice its place, plus one and plus two. */
  readonly #timers: Timer[] = [];

  get first(): Timer | undefined {
    return this.#timers[0];
  }

  add(timer: Timer): void {
    const timers = this.#timers;
    let place = timers.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!isBefore(timer, timers[above]!)) break;
      timers[place] = timers[above]!;
      place = above;
    }
    timers[place] = timer;
  }

  removeFirst(): void {
    const timers = this.#timers;
    const last = timers.pop();
    if (last === undefined || timers.length === 0) return;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= timers.length) break;
      if (below + 1 < timers.length && isBefore(timers[below + 1]!, timers[below]!)) below += 1;
      if (!isBefore(timers[below]!, last)) break;
      timers[place] = timers[below]!;
      place = below;
    }
    timers[place] = last;
  }
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.at < other.at || (one.at === other.at && one.number < other.number);
}
