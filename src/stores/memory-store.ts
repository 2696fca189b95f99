import { Keyv } from 'keyv';
import { KeyvStore } from './keyv-store.ts';

const MAX_ENTRIES = 200_000;

/** Keeps versions in this process, at most some 200,000 of them: the streams of other processes do not see its pushes. */
export function memoryStore(): KeyvStore {
  return new KeyvStore(new Keyv({ store: new BoundedMap<string, unknown>(MAX_ENTRIES) }));
}

/**
 * Forgets the entry that was set longest ago when it would outgrow `max`. Keyv removes an expired entry only when that
 * is read, so without a bound a process that pushes ever new keys would grow for ever. What was forgotten costs one look.
 */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #max: number;

  constructor(max: number) {
    super();
    this.#max = max;
  }

  override set(key: K, value: V): this {
    this.delete(key);
    if (this.size >= this.#max) this.delete(this.keys().next().value as K);
    return super.set(key, value);
  }
}
