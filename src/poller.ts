import type { Clock } from './clock.ts';
import { withDeadline } from './deadline.ts';
import { SseTriggerError } from './errors.ts';
import { toSeed } from './seed.ts';
import type { Counters } from './stats.ts';
import { type Reading, type Store, type StoredVersion, Unanswered } from './store.ts';
import { Versions, type Watcher } from './versions.ts';

export interface PollerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: () => number;
  /** A text that no process ever made before. */
  readonly newToken: () => string;
  readonly poll: number;
  /** How many keys a poll reads at once; more are read in parts, spread over its period. */
  readonly pollAtOnce: number;
  readonly storeTimeout: number;
  /** Least milliseconds between two reads for streams that open, so that a crowd of them shares some few. @defaultValue 10 */
  readonly pause?: number | undefined;
  readonly counters: Counters;
  readonly onError: (error: SseTriggerError) => void;
  /** The store answers again, after a read that failed. */
  readonly onAnswer: () => void;
}

/** A period of a poll is so much longer or shorter, so that processes do not keep step. */
const JITTER = 0.1;

/**
 * Keeps the versions of all watched keys up to date by reading them together, once a poll and when a stream opens. At
 * most one read is under way at any time; the first watch starts the polls and the last one ends them.
 *
 * Many keys are read in parts, evenly over the period: what thousands of changes cause comes in small portions, and not
 * all at once every two seconds.
 */
export class Poller {
  readonly versions = new Versions();
  readonly #options: PollerOptions;
  #down = false;
  #reading = false;
  #pollDue = false;
  /** From the begin of one part of a poll to that of the next, in milliseconds. */
  #step = 0;
  /** What the next read is to bring, while another one is under way. */
  #next: Round | undefined;
  #nextPoll = new Round();
  #stopTimer: (() => void) | undefined;
  #lastRead = Number.NEGATIVE_INFINITY;
  #stopPause: (() => void) | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** Whether the last read failed, be it for some of its keys only. */
  get down(): boolean {
    return this.#down;
  }

  /** The first watcher starts the polls. */
  watch(watcher: Watcher): void {
    if (this.versions.size === 0) this.#start();
    this.versions.watch(watcher, this.#options.clock.now());
  }

  /** The last one stops them. */
  unwatch(watcher: Watcher): void {
    this.versions.unwatch(watcher);
    if (this.versions.size === 0) this.#stop();
  }

  /**
   * Resolves when a read of these keys that began after this call has ended, well or not. While the store is down it
   * resolves at once: a crowd that comes back asks no more often than the polls do.
   */
  refresh(keys: readonly string[]): Promise<void> {
    if (this.#down) return Promise.resolve();
    this.#next ??= new Round();
    const { ended } = this.#next;
    for (const key of this.versions.all(keys)) this.#next.keys.add(key);
    this.#proceed();
    return ended;
  }

  /** Resolves when the next poll has ended, well or not. */
  nextPoll(): Promise<void> {
    return this.#nextPoll.ended;
  }

  #start(): void {
    const { store, clock, onError } = this.#options;
    const tell = (cause: unknown) => {
      onError(new SseTriggerError('wake_failed', 'wakes do not get through; the polls go on', { cause }));
    };
    this.#step = this.#newPeriod();
    this.#schedule(clock.now());
    try {
      this.#unsubscribe = store.subscribe?.((key, token) => this.versions.wake(key, token), tell);
    } catch (cause) {
      tell(cause);
    }
  }

  #stop(): void {
    this.#stopTimer?.();
    this.#endPause();
    this.#unsubscribe?.();
    this.#next?.end();
    this.#next = undefined;
    this.#nextPoll.end();
    this.#nextPoll = new Round();
    this.#pollDue = this.#down = false;
  }

  #newPeriod(): number {
    const { poll, random } = this.#options;
    return poll * (1 - JITTER + 2 * JITTER * random());
  }

  /** The next part begins one step after the last one began, and never before that has ended. */
  #schedule(lastBegan: number): void {
    const { clock } = this.#options;
    const wait = lastBegan + this.#step - clock.now();
    this.#stopTimer?.();
    // What is late already comes before any other read.
    this.#pollDue = wait <= 0;
    if (this.#pollDue) return;
    this.#stopTimer = clock.after(wait, () => {
      this.#pollDue = true;
      this.#proceed();
    });
  }

  /** Begins the next read, unless there is none or one is under way. A poll takes along what waits. */
  #proceed(): void {
    if (this.isBusy() || (!this.#pollDue && this.#next === undefined)) return;
    const { clock, pause = 10 } = this.#options;
    const wait = this.#pollDue ? 0 : this.#lastRead + pause - clock.now();
    if (wait > 0) {
      this.#stopPause ??= clock.after(wait, () => {
        // Node's timers count from the last turn of the event loop, so that it may be too early still.
        this.#stopPause = undefined;
        this.#proceed();
      });
      return;
    }
    this.#endPause();
    const round = this.#next;
    this.#next = undefined;
    this.#reading = true;
    this.#lastRead = clock.now();
    const waiting = round?.keys ?? new Set();
    const read = this.#pollDue ? this.#poll(waiting) : this.#read([...waiting]);
    void read.then(() => {
      this.#reading = false;
      round?.end();
      this.#proceed();
    });
  }

  #endPause(): void {
    this.#stopPause?.();
    this.#stopPause = undefined;
  }

  /** Reads the next part of all keys, and what waits for a read. While the store is down that is one part. */
  async #poll(waiting: ReadonlySet<string>): Promise<void> {
    const { clock, poll, pollAtOnce } = this.#options;
    const { versions } = this;
    const began = clock.now();
    const ended = this.#nextPoll;
    this.#nextPoll = new Round();
    this.#pollDue = false;
    const parts = this.#down ? 1 : Math.ceil(versions.size / pollAtOnce);
    this.#step = this.#newPeriod() / parts;
    // No key waits longer than the longest period, however many others came and went.
    const tooOld = began + this.#step - poll * (1 + JITTER);
    const part = versions.takeOldest(Math.ceil(versions.size / parts), tooOld, began);
    await this.#read(waiting.size === 0 ? part : [...new Set([...part, ...waiting])]);
    if (versions.size > 0) this.#schedule(began);
    ended.end();
  }

  /** One deadline stands over all of it. Never rejects. */
  async #read(keys: readonly string[]): Promise<void> {
    const { clock, storeTimeout, onError, onAnswer } = this.#options;
    try {
      await withDeadline(clock, storeTimeout, (signal) => this.#readAndSeed(keys, signal));
    } catch (cause) {
      if (this.versions.size === 0) return;
      const news = !this.#down;
      this.#down = true;
      if (news)
        onError(
          new SseTriggerError('read_failed', 'the store does not answer; streams wait for it', { cause }),
        );
      return;
    }
    const isBack = this.#down;
    this.#down = false;
    if (isBack) onAnswer();
  }

  async #readAndSeed(keys: readonly string[], signal: AbortSignal): Promise<void> {
    const { missing, unanswered } = await this.#readOnce(keys, signal);
    if (missing.length > 0) await this.#seed(missing, signal);
    // Only now, so that one server that does not answer keeps nothing from those that do.
    if (unanswered !== undefined) throw unanswered;
  }

  async #seed(keys: readonly string[], signal: AbortSignal): Promise<void> {
    const seeds = this.seeds(keys);
    if (seeds.size > 0) await this.#options.store.add(seeds, signal);
    const { missing, unanswered } = await this.#readOnce(keys, signal);
    for (const key of missing) {
      this.#unreadable(key, new Error('it was missing, and still is after it was written'));
    }
    if (unanswered !== undefined) throw unanswered;
  }

  /** Takes in what the store answers. */
  async #readOnce(keys: readonly string[], signal: AbortSignal): Promise<Taken> {
    const began = this.versions.mark();
    this.#options.counters.checks += keys.length;
    const readings = await this.#options.store.read(keys, signal);
    signal.throwIfAborted();
    const missing: string[] = [];
    let unanswered: Unanswered | undefined;
    const answers = keys.map((key, index) => {
      const reading = readings[index];
      if (isVersion(reading)) return reading;
      if (reading === undefined) missing.push(key);
      else if (reading instanceof Unanswered) unanswered ??= reading;
      else this.#unreadable(key, toError(reading));
      return undefined;
    });
    this.versions.read(keys, answers, began);
    return { missing, unanswered };
  }

  #unreadable(key: string, cause: Error): void {
    if (!this.versions.unreadable(key)) return;
    const message = `the key ${JSON.stringify(key)} cannot be read or written, so its pushes are not seen`;
    this.#options.onError(new SseTriggerError('key_unreadable', message, { key, cause }));
  }

  // Apart from the rest so that the simulation can run with each of them made wrongly.

  /** One read at a time: what would be second would only ask the same again. */
  protected isBusy(): boolean {
    return this.#reading;
  }

  /** What to write where nothing is. */
  protected seeds(missing: readonly string[]): ReadonlyMap<string, string> {
    return new Map(missing.map((key) => [key, toSeed(this.#options.newToken())]));
  }
}

/** What remains of a read. */
interface Taken {
  /** Keys that the store does not have. */
  readonly missing: readonly string[];
  /** Why some keys got no answer, if any did not. */
  readonly unanswered: Unanswered | undefined;
}

/** Stores are also written by users, and in JavaScript. */
function isVersion(reading: Reading): reading is StoredVersion {
  const { token, identity } = (reading ?? {}) as Partial<StoredVersion>;
  return typeof token === 'string' && typeof identity === 'string';
}

function toError(reading: unknown): Error {
  return reading instanceof Error ? reading : new TypeError('the store gives no version');
}

/** A read that is to come, and those who wait for its end. */
class Round {
  readonly keys = new Set<string>();
  readonly ended: Promise<void>;
  end!: () => void;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }
}
