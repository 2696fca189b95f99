import { requireKnown } from '../option-checks.ts';
import { plainError } from '../plain-error.ts';
import type { Reading, Store } from '../store.ts';
import { untilAborted } from '../until-aborted.ts';
import { batches, Keyspace, type KeyspaceOptions, tokenOf } from './keyspace.ts';

/** What is called of a Keyv, version 5 (from 5.6 on) or 6. */
export interface KeyvLike {
  readonly namespace?: string | undefined;
  readonly useKeyPrefix?: boolean | undefined;
  getMany(keys: string[]): Promise<readonly unknown[]>;
  set(key: string, value: string, ttl?: number): Promise<unknown>;
}

export type KeyvStoreOptions = KeyspaceOptions;

type Entry = readonly [key: string, token: string];

/**
 * Keeps versions in a Keyv, whatever that keeps its entries in.
 *
 * Keyv and its adapters give `undefined` for a read that failed and may pass over a write that failed. So a key counts
 * as missing only when the answer that lacks it has another entry, the canary, and a write counts only when it can be
 * read back. The Keyv is left as it is: no listener is added to it, not for `error` either.
 *
 * Three things Keyv cannot do. It does not name the data set that answers, so a failover behind it that loses a push
 * hides it until the key's next push. It cannot add atomically: a seed may overwrite another process's push, which costs
 * a further look. It cannot cancel: a call that was aborted may still be carried out later. That too is one further look,
 * since no process writes a version twice; several do so with what they hear of PostgreSQL, of which
 * docs/guarantees.md says more. Let the adapter fail fast while its server is away rather than queue.
 *
 * @throws TypeError for what is no Keyv, for an option that does not exist or cannot be meant, and when `prefix` begins
 *   with the Keyv's own namespace, which Keyv 5 reads and writes at different places.
 */
export class KeyvStore implements Store {
  readonly #keyv: KeyvLike;
  readonly #keyspace: Keyspace;
  readonly #canary: string;

  constructor(keyv: KeyvLike, options: KeyvStoreOptions = {}) {
    requireKeyv(keyv);
    requireKnown('KeyvStore', options, ['prefix', 'ttl']);
    this.#keyv = keyv;
    this.#keyspace = new Keyspace(options);
    this.#canary = this.#keyspace.placeOf('sse-trigger-canary');
    const { namespace, useKeyPrefix } = keyv;
    if (useKeyPrefix && namespace && this.#keyspace.prefix.startsWith(`${namespace}:`)) {
      throw new TypeError(
        `prefix must not begin with the Keyv's namespace ${JSON.stringify(`${namespace}:`)}: choose another one of the two`,
      );
    }
  }

  async read(keys: readonly string[], signal: AbortSignal): Promise<readonly Reading[]> {
    const readings: Reading[] = [];
    for (const batch of batches(keys)) {
      const places = batch.map((key) => this.#keyspace.placeOf(key));
      readings.push(...(await untilAborted(signal, () => this.#read(places, signal))));
    }
    return readings;
  }

  /** Rejects unless each version, or one written after it, can be read back. */
  async write(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    for (const batch of batches([...versions])) await untilAborted(signal, () => this.#write(batch, signal));
  }

  /** Not atomic. Which of them were not taken shows in the next read. */
  async add(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    const readings = await this.read([...versions.keys()], signal);
    const missing = [...versions].filter((_, index) => readings[index] === undefined);
    for (const batch of batches(missing)) {
      await untilAborted(signal, () => Promise.allSettled(batch.map((entry) => this.#setVersion(entry))));
    }
  }

  async #read(places: string[], signal: AbortSignal): Promise<Reading[]> {
    const values = await this.#get(places, signal);
    const missing = places.filter((_, index) => isMissing(values[index]));
    const confirmed = missing.length === 0 ? [] : await this.#getAgain(missing, signal);
    let next = 0;
    return values.map((value) => toReading(isMissing(value) ? confirmed[next++] : value));
  }

  /** A value that cannot be decoded makes Keyv reject the whole command. It is searched for, and fails alone. */
  async #get(places: string[], signal: AbortSignal): Promise<readonly unknown[]> {
    try {
      return await this.#getMany(places);
    } catch (error) {
      signal.throwIfAborted();
      await this.#proveAnswers(error);
      if (places.length === 1) return [error as Error];
      const middle = places.length >> 1;
      const left = await this.#get(places.slice(0, middle), signal);
      return [...left, ...(await this.#get(places.slice(middle), signal))];
    }
  }

  /** Reads once more what was missing. What is missing now is missing, for the canary came with the same answer. */
  async #getAgain(places: string[], signal: AbortSignal): Promise<readonly unknown[]> {
    const ask = () => this.#getMany([...places, this.#canary]);
    let values = await ask();
    if (isMissing(values[places.length])) {
      signal.throwIfAborted();
      await this.#proveAnswers();
      values = await ask();
    }
    if (isMissing(values[places.length])) throw unanswered();
    return values;
  }

  /** Rejects unless the canary, written now, can be read back. */
  async #proveAnswers(cause?: unknown): Promise<void> {
    await this.#set(this.#canary, 'alive');
    const [canary] = await this.#getMany([this.#canary]);
    if (isMissing(canary)) throw unanswered(cause);
  }

  async #write(entries: Entry[], signal: AbortSignal): Promise<void> {
    const places = entries.map(([key]) => this.#keyspace.placeOf(key));
    const before = await this.#get(places, signal);
    signal.throwIfAborted();
    const taken = await Promise.all(entries.map((entry) => this.#setVersion(entry)));
    const after = await this.#get(places, signal);
    for (const [index, [key, token]] of entries.entries()) {
      const kept =
        taken[index] !== false && isTaken(token, toReading(before[index]), toReading(after[index]));
      if (!kept) throw new Error(`Keyv does not keep what is set at ${key}`);
    }
  }

  #setVersion([key, token]: Entry): Promise<unknown> {
    return this.#set(this.#keyspace.placeOf(key), token);
  }

  /** What an adapter throws may hold how it logs in. */
  async #getMany(places: string[]): Promise<readonly unknown[]> {
    try {
      return await this.#keyv.getMany(places);
    } catch (error) {
      throw plainError(error);
    }
  }

  async #set(place: string, text: string): Promise<unknown> {
    try {
      return await this.#keyv.set(place, text, this.#keyspace.lifetime());
    } catch (error) {
      throw plainError(error);
    }
  }
}

/** Of a Map, of clients of databases and of a Keyv before 5.3 one of the two is missing. */
function requireKeyv(keyv: Partial<KeyvLike> | undefined): void {
  if (typeof keyv?.getMany === 'function' && typeof keyv.set === 'function') return;
  throw new TypeError('KeyvStore needs a Keyv, from version 5.6 on: new KeyvStore(new Keyv(…))');
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null;
}

/** Somebody else may have set any value. Each is a version, by its JSON when it is no text. */
function toReading(value: unknown): Reading {
  if (isMissing(value)) return undefined;
  if (value instanceof Error) return value;
  return { token: tokenOf(typeof value === 'string' ? value : JSON.stringify(value)), identity: '' };
}

/** Whether a write was carried out. If another process has overtaken it, what was there before is gone all the same. */
function isTaken(token: string, before: Reading, after: Reading): boolean {
  if (after === undefined || after instanceof Error) return false;
  if (after.token === token) return true;
  return before !== undefined && !(before instanceof Error) && before.token !== after.token;
}

function unanswered(cause?: unknown): Error {
  return new Error('Keyv gives nothing back of what is set: its store does not answer', { cause });
}
