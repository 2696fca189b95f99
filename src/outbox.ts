import type { Clock } from './clock.ts';
import { withDeadline } from './deadline.ts';
import { SseTriggerError } from './errors.ts';
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
  /** It is not known whether the store has versions of pushes that came in since `joined`. */
  readonly onLost: (keys: Iterable<string>, joined: number) => void;
}

/** Pushes that go to the store together. */
interface Batch {
  readonly keys: Set<string>;
  /** These keys were told of and kept before. */
  readonly retried: boolean;
  /** The moment of the last push in it. */
  joined: number;
  readonly expires: number;
  readonly settled: Promise<boolean>;
  settle(stored: boolean): void;
}

/** How many unsent keys go in one write, so that it fits its deadline. */
const RETRIED_AT_ONCE = 1000;

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
  #answers = true;
  #isUnsentsTurn = false;
  #stopRetry: (() => void) | undefined;
  #closed = false;

  constructor(options: OutboxOptions) {
    this.options = options;
  }

  /** Keys that wait for the store to take them. */
  get unsent(): number {
    return this.#unsent.size;
  }

  /** True when the store has new versions of all these keys, false when it did not take them within `storeTimeout`. */
  push(keys: readonly string[]): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    if (this.#next === undefined) {
      this.#next = this.#newBatch();
      queueMicrotask(() => this.#proceed());
    }
    for (const key of keys) this.#next.keys.add(key);
    this.#next.joined = this.options.mark();
    return this.#next.settled;
  }

  /** The store answers: writes what it did not take before. */
  retry(): void {
    this.#answers = true;
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
    this.#answers = true;
    for (;;) {
      const batch = this.#unsentBatch();
      if (batch === undefined) return;
      await this.#write({ ...batch, expires });
    }
  }

  #newBatch({ retried = false } = {}): Batch {
    const { clock, storeTimeout, mark } = this.options;
    let settle!: (stored: boolean) => void;
    const settled = new Promise<boolean>((resolve) => {
      settle = resolve;
    });
    return { keys: new Set(), retried, joined: mark(), expires: clock.now() + storeTimeout, settled, settle };
  }

  #proceed(): void {
    if (this.#closed || this.#writing !== undefined) return;
    // In turns, so that neither waits for ever for the other.
    const unsent = this.#isUnsentsTurn ? this.#unsentBatch() : undefined;
    const batch = unsent ?? this.#next ?? this.#unsentBatch();
    if (batch === undefined) return;
    this.#isUnsentsTurn = !batch.retried;
    if (batch === this.#next) this.#next = undefined;
    this.#writing = this.#write(batch).then(() => {
      this.#writing = undefined;
      this.#proceed();
    });
  }

  #unsentBatch(): Batch | undefined {
    if (!this.#answers || this.#unsent.size === 0) return undefined;
    const batch = this.#newBatch({ retried: true });
    for (const key of this.#unsent) {
      if (batch.keys.size === RETRIED_AT_ONCE) break;
      batch.keys.add(key);
    }
    return batch;
  }

  /** Never rejects, and settles the batch by its deadline whatever the store does. */
  async #write(batch: Batch): Promise<void> {
    const { newToken, mark, onStored } = this.options;
    const tokens = new Map(Array.from(batch.keys, (key) => [key, newToken()]));
    const began = mark();
    try {
      await this.send(tokens, batch.expires);
    } catch (cause) {
      this.#answers = false;
      this.#keep(batch, cause);
      batch.settle(false);
      return;
    }
    this.#answers = true;
    for (const key of batch.keys) this.#unsent.delete(key);
    onStored(tokens, began);
    batch.settle(true);
  }

  protected send(tokens: ReadonlyMap<string, string>, expires: number): Promise<void> {
    const { clock, store } = this.options;
    const ms = Math.max(0, expires - clock.now());
    return withDeadline(clock, ms, (signal) => store.write(tokens, signal), { hold: true });
  }

  #keep(batch: Batch, cause: unknown): void {
    const { clock, poll, maxUnsent, onError, onLost } = this.options;
    if (!batch.retried) {
      const [key, ...others] = batch.keys;
      const details = { key: others.length === 0 ? key : undefined, cause };
      onError(new SseTriggerError('write_failed', 'the store did not take a push in time', details));
      const room = Math.max(0, maxUnsent - this.#unsent.size);
      const added = [...batch.keys].filter((key) => !this.#unsent.has(key));
      for (const key of added.slice(0, room)) this.#unsent.add(key);
      if (added.length > room) {
        const message = `${added.length - room} pushes are lost to other processes: ${maxUnsent} keys wait for the store already`;
        onError(new SseTriggerError('unsent_full', message, { cause }));
      }
      onLost(batch.keys, batch.joined);
    }
    this.#stopRetry?.();
    if (!this.#closed) this.#stopRetry = clock.after(poll, () => this.retry());
  }
}
