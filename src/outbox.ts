import type { Clock } from './clock.ts';
import { withDeadline } from './deadline.ts';
import { SseTriggerError } from './errors.ts';
import { EVERYTHING, plainKey } from './shared-key.ts';
import type { Store } from './store.ts';

export interface OutboxOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly newToken: () => string;
  readonly poll: number;
  readonly storeTimeout: number;
  readonly maxUnsent: number;
  readonly onError: (error: SseTriggerError) => void;
  /** Numbers this moment. */
  readonly mark: () => number;
  /** The store has these tokens; their writing began at `began`. */
  readonly onStored: (tokens: ReadonlyMap<string, string>, began: number) => void;
  /** It is not known whether the store has versions for these keys, the last of which were pushed at these marks. */
  readonly onDoubt: (pushed: ReadonlyMap<string, number>) => void;
}

/** Pushes that go to the store together. */
interface Batch {
  /** Each with the mark of its last push. */
  readonly keys: Map<string, number>;
  /** The tokens of those keys that have one already, which other processes write too. */
  readonly tokens: Map<string, string>;
  /** Made of keys that the store did not take before, which were told of and are kept. */
  readonly isUnsent: boolean;
  readonly expires: number;
  readonly settled: Promise<boolean>;
  settle(stored: boolean): void;
}

/** How many unsent keys go in one write at most, so that it fits its deadline. */
const UNSENT_AT_ONCE = 1000;

/**
 * Writes the versions of pushes. One write is under way at a time, and pushes that come meanwhile share the next one: a
 * key that is pushed often costs no more than one that is pushed once. Keys that the store did not take are kept,
 * without order or number, until it does.
 */
export class Outbox {
  protected readonly options: OutboxOptions;
  readonly #unsent = new Set<string>();
  #next: Batch | undefined;
  #writing: Promise<void> | undefined;
  /** Whether it makes sense to write unsent keys now: the store has answered since it last failed to take any. */
  #mayRetry = true;
  #isUnsentsTurn = false;
  #unsentAtOnce = UNSENT_AT_ONCE;
  #stopRetry: (() => void) | undefined;
  #closed = false;

  constructor(options: OutboxOptions) {
    this.options = options;
  }

  /** Keys that wait for the store to take them. */
  get unsent(): number {
    return this.#unsent.size;
  }

  /**
   * True when the store has new versions of all these keys, false when it did not take them within `storeTimeout`.
   * `version` is what other processes write for the same change; else versions are made here.
   */
  push(keys: readonly string[], version?: string): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    if (this.#next === undefined) {
      this.#next = this.#newBatch();
      queueMicrotask(() => this.#proceed());
    }
    const now = this.options.mark();
    const batch = this.#next;
    for (const key of keys) {
      if (version !== undefined) batch.tokens.set(key, version);
      batch.keys.set(key, now);
    }
    return batch.settled;
  }

  /** The store answers: writes what it did not take before. */
  retry(): void {
    this.#mayRetry = true;
    this.#proceed();
  }

  /** Takes no more pushes and gives those that are left a last chance, all within one `storeTimeout`. */
  async close(): Promise<void> {
    const { clock, storeTimeout } = this.options;
    const expires = clock.now() + storeTimeout;
    this.#closed = true;
    this.#stopRetry?.();
    await this.#writing;
    if (this.#next !== undefined) await this.#write({ ...this.#next, expires });
    for (let left = this.#unsent.size; left > 0 && clock.now() < expires; ) {
      this.#mayRetry = true;
      const batch = this.#unsentBatch();
      if (batch === undefined) return;
      left -= batch.keys.size;
      await this.#write({ ...batch, expires });
    }
  }

  #newBatch({ isUnsent = false, patience = this.options.storeTimeout } = {}): Batch {
    const { clock } = this.options;
    let settle!: (stored: boolean) => void;
    const settled = new Promise<boolean>((resolve) => {
      settle = resolve;
    });
    const keys = new Map();
    const tokens = new Map();
    return { keys, tokens, isUnsent, expires: clock.now() + patience, settled, settle };
  }

  #proceed(): void {
    if (this.#closed || this.#writing !== undefined) return;
    // In turns, so that neither waits for ever for the other.
    const unsent = this.#isUnsentsTurn ? this.#unsentBatch() : undefined;
    const batch = unsent ?? this.#next ?? this.#unsentBatch();
    if (batch === undefined) return;
    this.#isUnsentsTurn = !batch.isUnsent;
    if (batch === this.#next) this.#next = undefined;
    this.#writing = this.#write(batch).then(() => {
      this.#writing = undefined;
      this.#proceed();
    });
  }

  #unsentBatch(): Batch | undefined {
    if (!this.#mayRetry || this.#unsent.size === 0) return undefined;
    const { clock, storeTimeout } = this.options;
    // Pushes that wait meanwhile have a deadline, too.
    const patience = this.#next === undefined ? storeTimeout : (this.#next.expires - clock.now()) / 2;
    const batch = this.#newBatch({ isUnsent: true, patience });
    for (const key of this.#unsent) {
      if (batch.keys.size === this.#unsentAtOnce) break;
      batch.keys.set(key, 0);
    }
    return batch;
  }

  /** Never rejects, and settles the batch by its deadline whatever the store does. */
  async #write(batch: Batch): Promise<void> {
    const { mark, newToken, onStored } = this.options;
    const tokens = new Map(
      Array.from(batch.keys.keys(), (key) => [key, batch.tokens.get(key) ?? newToken()]),
    );
    const began = mark();
    try {
      await this.send(tokens, batch.expires);
    } catch (cause) {
      this.#mayRetry = false;
      if (batch.isUnsent) this.#putOff(batch);
      else this.#keep(batch, cause);
      this.#retryLater();
      batch.settle(false);
      return;
    }
    this.#mayRetry = true;
    if (batch.isUnsent) this.#unsentAtOnce = Math.min(2 * this.#unsentAtOnce, UNSENT_AT_ONCE);
    for (const key of batch.keys.keys()) this.#unsent.delete(key);
    onStored(tokens, began);
    batch.settle(true);
  }

  protected send(tokens: ReadonlyMap<string, string>, expires: number): Promise<void> {
    const { clock, store } = this.options;
    const ms = Math.max(0, expires - clock.now());
    return withDeadline(clock, ms, (signal) => store.write(tokens, signal), { hold: true });
  }

  #keep(batch: Batch, cause: unknown): void {
    const { maxUnsent, onError, onDoubt } = this.options;
    const [key = ''] = batch.keys.keys();
    const details = { key: batch.keys.size === 1 ? plainKey(key) : undefined, cause };
    onError(new SseTriggerError('write_failed', 'the store did not take a push in time', details));
    const room = Math.max(0, maxUnsent - this.#unsent.size);
    const added = [...batch.keys.keys()].filter((pushed) => !this.#unsent.has(pushed));
    for (const pushed of added.slice(0, room)) this.#unsent.add(pushed);
    if (added.length > room) {
      const message = `${added.length - room} pushes are lost to other processes: ${maxUnsent} keys wait for the store already`;
      onError(new SseTriggerError('unsent_full', message, { cause }));
      // Processes that read this look at all keys, and so at those.
      this.#unsent.add(EVERYTHING);
    }
    onDoubt(batch.keys);
  }

  /** One key that is refused must neither keep others from being written, nor have them written again and again. */
  #putOff(batch: Batch): void {
    this.#unsentAtOnce = Math.ceil(batch.keys.size / 2);
    for (const key of batch.keys.keys()) {
      if (this.#unsent.delete(key)) this.#unsent.add(key);
    }
  }

  #retryLater(): void {
    const { clock, poll } = this.options;
    this.#stopRetry?.();
    if (!this.#closed) this.#stopRetry = clock.after(poll, () => this.retry());
  }
}
