import { PAGES, VISITORS } from './pages.ts';
import { GRACE } from './store.ts';

/** Where the database tells all processes what is saved, each hears of it at most so many milliseconds later. */
export const LATEST = 1000;

export const POLL = 2000;
export const THROTTLE = 100;
/** Looks that a lost data set causes come spread over so many milliseconds. */
export const SPREAD = 5000;

/** A stream that is permitted opens so many milliseconds later at most: as long as the application takes to say its keys. */
export const SLOWEST_KEY = 3000;

/** The longest pause after calls of the application that failed, in milliseconds. */
export const LAST_BACKOFF = 30_000;
/** Trouble with the store or with callbacks lasts so long at most. */
export const LONGEST_TROUBLE = 6000;

/** What the bounds are made of, in milliseconds where it is a time. */
export interface Load {
  /** Most of one way to the store. */
  readonly latency: number;
  /** Most of a callback. */
  readonly callback: number;
  readonly maxRuns: number;
}

const feeds = PAGES.flatMap((page) => page.feeds).length;
const permissions = new Set(
  VISITORS.filter(({ viewer }) => viewer).map(({ page, viewer }) => `${page.number} ${viewer}`),
).size;

/** The guarantee's figures, in milliseconds. */
export class Bounds {
  /** As little as is enough for a read, a seed and a read again, with a silent node beside. */
  readonly storeTimeout: number;
  /** Until it is the turn of a feed or permission to have its callback called: Q. */
  readonly queue: number;
  /** Until `authorize`, which is to be asked now, has answered: Q + C. */
  readonly answer: number;
  /** Until a push is seen: X. */
  readonly convergence: number;
  /** Until all processes have written what the database told them, and that is seen. */
  readonly shared: number;

  constructor({ latency, callback, maxRuns }: Load) {
    this.storeTimeout = 6 * latency + GRACE + 50;
    this.shared = LATEST + POLL + 2 * this.storeTimeout;
    // Who waits finds maxRuns others at it.
    const waiting = Math.max(0, feeds + permissions - maxRuns);
    this.queue = Math.ceil(waiting / maxRuns) * callback;
    this.answer = this.queue + callback;
    this.convergence = 1.1 * POLL + 2 * this.storeTimeout + THROTTLE + 2 * callback + this.queue;
  }
}
