import { createHash } from 'node:crypto';
import { requireString } from '../option-checks.ts';

export interface KeyspaceOptions {
  /** Stands before every key. @defaultValue `'sse:'` */
  prefix?: string | undefined;
  /**
   * How long a version is kept after it was written, in ms, at least 1. Each write takes up to 10 % more or less, so
   * that keys written together do not expire together. An expired version costs one look. @defaultValue 7 days
   */
  ttl?: number | undefined;
}

/** Where a store keeps versions, and for how long. */
export class Keyspace {
  readonly prefix: string;
  readonly #ttl: number;

  /** @throws TypeError for an option that cannot be meant. */
  constructor({ prefix = 'sse:', ttl = 7 * 24 * 60 * 60 * 1_000 }: KeyspaceOptions) {
    if (!(ttl >= 1 && ttl < Infinity)) {
      throw new TypeError(`ttl must be a finite number of milliseconds, at least 1, got ${ttl}`);
    }
    this.prefix = requireString('prefix', prefix);
    this.#ttl = ttl;
  }

  placeOf(key: string): string {
    return this.prefix + key;
  }

  /** How long the next version is to be kept, in whole ms. */
  lifetime(): number {
    return Math.round(this.#ttl * (0.9 + 0.2 * Math.random()));
  }
}

/** As many keys as go into one command, and as the poller asks for at once. */
const BATCH = 1_250;

export function* batches<T>(items: readonly T[]): Generator<T[]> {
  for (let start = 0; start < items.length; start += BATCH) yield items.slice(start, start + BATCH);
}

const TOKEN = /^[\x20-\x7e]{1,128}$/;

/** The version that is kept as `text`: itself, or its hash when it is no printable ASCII of moderate length. */
export function tokenOf(text: string | Buffer): string {
  // Latin-1 keeps every byte apart, so that what is no ASCII shows as such.
  const candidate = typeof text === 'string' ? text : text.toString('latin1', 0, 129);
  return TOKEN.test(candidate) ? candidate : createHash('sha256').update(text).digest('hex');
}
