import type { Reading, Store } from '../../src/store.ts';
import type { RedisStore } from '../../src/stores/redis-store.ts';

/** Real in everything but that it counts, and takes the time. */
export class MeasuredStore implements Store {
  /** Most reads that were under way at once. */
  mostReads = 0;
  /** Milliseconds that the slowest call has taken. */
  slowest = 0;
  readonly #store: RedisStore;
  #reads = 0;

  constructor(store: RedisStore) {
    this.#store = store;
  }

  async read(keys: readonly string[], signal: AbortSignal): Promise<readonly Reading[]> {
    this.#reads += 1;
    // In a moment: one that is given up rejects a few steps after the next one has begun.
    setImmediate(() => {
      this.mostReads = Math.max(this.mostReads, this.#reads);
    });
    try {
      return await this.#time(this.#store.read(keys, signal));
    } finally {
      this.#reads -= 1;
    }
  }

  write(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    return this.#time(this.#store.write(versions, signal));
  }

  add(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    return this.#time(this.#store.add(versions, signal));
  }

  subscribe(onWake: (key: string, version: string) => void, onError: (error: unknown) => void): () => void {
    return this.#store.subscribe(onWake, onError);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #time<T>(call: Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await call;
    } finally {
      this.slowest = Math.max(this.slowest, performance.now() - began);
    }
  }
}
