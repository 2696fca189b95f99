import type { Reading, Store } from '../../src/store.ts';

/** A store in memory that keeps what it was told, and does not take writes while there is a `failure`. */
export class RecordingStore implements Store {
  readonly versions = new Map<string, string>();
  /** The keys of each write that was taken. */
  readonly writes: string[][] = [];
  failure: Error | undefined;
  closed = 0;

  async read(keys: readonly string[]): Promise<readonly Reading[]> {
    return keys.map((key): Reading => {
      const token = this.versions.get(key);
      return token === undefined ? undefined : { token, identity: 'recording' };
    });
  }

  async write(versions: ReadonlyMap<string, string>): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.writes.push([...versions.keys()]);
    for (const [key, version] of versions) this.versions.set(key, version);
  }

  async add(versions: ReadonlyMap<string, string>): Promise<void> {
    for (const [key, version] of versions) if (!this.versions.has(key)) this.versions.set(key, version);
  }

  async close(): Promise<void> {
    this.closed += 1;
  }
}
