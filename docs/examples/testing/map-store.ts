import type { Reading, Store } from 'sse-trigger';

/** Keeps versions in a Map. */
export class MapStore implements Store {
  readonly #versions: Map<string, string>;

  constructor(versions: Map<string, string>) {
    this.#versions = versions;
  }

  async read(keys: readonly string[], signal: AbortSignal): Promise<readonly Reading[]> {
    signal.throwIfAborted();
    return keys.map((key) => {
      const token = this.#versions.get(key);
      return token === undefined ? undefined : { token, identity: '' };
    });
  }

  async write(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    for (const [key, version] of versions) this.#versions.set(key, version);
  }

  async add(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    for (const [key, version] of versions) if (!this.#versions.has(key)) this.#versions.set(key, version);
  }
}
