import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';

/**
 * The text of a row, which is what streams show: JSON of `bytes` characters. It begins with the number of the save that
 * wrote it and with the time (as in now.ts) for which that save was meant.
 */
export function rowText(save: number, at: number, bytes: number): string {
  const begin = `{"n":${save},"at":${Math.round(at)},"fill":"`;
  return `${begin}${'x'.repeat(Math.max(0, bytes - begin.length - 2))}"}`;
}

/** The application's table, a row a key, as it is used in one process. It lies in Redis because that is at hand. */
export class Rows {
  reads = 0;
  readsAtOnceMax = 0;
  /** Empty unless noted. */
  readonly readsByKey = new Map<string, number>();
  #readsNow = 0;
  readonly #redis: Redis;
  readonly #delay: number;
  readonly #note: boolean;

  /** `dataDelay` is milliseconds that a read takes longer than Redis does: a query that is worth avoiding. */
  constructor(redis: Redis, { dataDelay = 0, noteReads = false } = {}) {
    this.#redis = redis;
    this.#delay = dataDelay;
    this.#note = noteReads;
  }

  async read(key: string): Promise<string> {
    this.reads++;
    if (this.#note) this.readsByKey.set(key, (this.readsByKey.get(key) ?? 0) + 1);
    this.#readsNow++;
    this.readsAtOnceMax = Math.max(this.readsAtOnceMax, this.#readsNow);
    try {
      if (this.#delay > 0) await sleep(this.#delay);
      return (await this.#redis.get(`row:${key}`)) ?? rowText(0, 0, 100);
    } finally {
      this.#readsNow--;
    }
  }

  async write(key: string, row: string): Promise<void> {
    await this.#redis.set(`row:${key}`, row);
  }
}
