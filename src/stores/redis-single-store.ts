import type { Reading, Store } from '../store.ts';
import { batches, type Keyspace, tokenOf } from './keyspace.ts';
import { isRefusal, RedisConnection, RedisLink } from './redis-connection.ts';
import { type RedisCommand, type RedisDriverMaker, refusal } from './redis-driver.ts';
import { RedisWakes } from './redis-wakes.ts';

/** One server, or the primary that Sentinels name. */
export class RedisSingleStore implements Store {
  readonly #keyspace: Keyspace;
  // Apart, so that a large batch of pushes neither holds up the polls nor falls with one that missed its deadline.
  readonly #reads: RedisLink;
  readonly #writes: RedisLink;
  readonly #wakes: RedisWakes | undefined;
  /** Whether the last write failed, as far as is known. */
  #refuses = false;

  constructor(makeDriver: RedisDriverMaker, keyspace: Keyspace, db: number, wake: boolean) {
    const connect = (use: string) => () => new RedisConnection(makeDriver, `sse-trigger:${use}`);
    this.#keyspace = keyspace;
    this.#reads = new RedisLink(connect('read'));
    this.#writes = new RedisLink(connect('write'));
    // Channels know no databases, so the name has to.
    this.#wakes = wake ? new RedisWakes(connect('wake'), `${keyspace.prefix}wake:${db}`) : undefined;
  }

  async read(keys: readonly string[], signal: AbortSignal): Promise<readonly Reading[]> {
    try {
      return await this.#reads.use(signal, (connection) => this.#read(keys, connection));
    } catch (error) {
      this.#wakes?.renew();
      throw error;
    }
  }

  async write(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    await this.#writes.use(signal, async (connection) => {
      const entries = [...versions];
      const sets = entries.map((entry) => this.#set(entry));
      // A connection's commands are carried out in their order, so wakes may come along with what they tell of, which
      // saves a round trip. Since Redis last failed to take a write they wait for what it says.
      const waits = this.#refuses;
      this.#refuses = true;
      const wakes = waits ? [] : (this.#wakes?.commands(entries) ?? []);
      const replies = await connection.run([...sets, ...wakes]);
      const refused = replies.slice(0, sets.length).findIndex(isRefusal);
      this.#wakes?.published(replies.slice(sets.length));
      if (waits) {
        const written = entries.filter((_, index) => !isRefusal(replies[index]));
        await this.#wakes?.publish(written, connection);
      }
      this.#refuses = refused >= 0;
      if (refused >= 0) throw refusal(entries[refused]?.[0], replies[refused]);
    });
  }

  /** Which keys refuse a version shows in the next read. */
  async add(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    await this.#reads.use(signal, (connection) =>
      connection.run(Array.from(versions, (entry) => [...this.#set(entry), 'NX'])),
    );
  }

  subscribe(onWake: (key: string, version: string) => void, onError: (error: unknown) => void): () => void {
    return this.#wakes?.subscribe(onWake, onError) ?? (() => {});
  }

  async close(): Promise<void> {
    await Promise.all([this.#reads.close(), this.#writes.close(), this.#wakes?.close()]);
  }

  #set([key, token]: readonly [key: string, token: string]): RedisCommand {
    return ['set', this.#keyspace.placeOf(key), token, 'PX', `${this.#keyspace.lifetime()}`];
  }

  async #read(keys: readonly string[], connection: RedisConnection): Promise<Reading[]> {
    const places = [...batches(keys.map((key) => this.#keyspace.placeOf(key)))];
    const commands = [['info', 'replication'], ...places.map((batch) => ['mget', ...batch])];
    const [info, ...answers] = await connection.run(commands);
    if (typeof info === 'string' && /^role:(slave|replica)\b/m.test(info)) {
      const error = new Error('Redis answers as a replica; point the client at the primary');
      connection.close(error);
      throw error;
    }
    const identity = connection.identityFrom(info);
    const readings: Reading[] = [];
    for (const [index, batch] of places.entries()) {
      const values = await valuesOf(answers[index], batch, connection);
      for (const value of values) {
        readings.push(Buffer.isBuffer(value) ? { token: tokenOf(value), identity } : (value ?? undefined));
      }
      // A command of ioredis, and through it the answer, is kept until the next major collection: V8 makes a function that is
      // assigned to a property old at once. Thousands of Buffers a poll would be most of what brings those about.
      values.length = 0;
    }
    return readings;
  }
}

type Value = Buffer | null | Error;

/** What MGET answered. It refuses all keys for one that may not be read, so then they are asked for one by one. */
async function valuesOf(answer: unknown, places: string[], connection: RedisConnection): Promise<Value[]> {
  if (!isRefusal(answer)) return answer as Value[];
  if (!isForbidden(answer)) throw refusal(places[0], answer);
  const values = await connection.run(places.map((place) => ['get', place]));
  return values.map((value, index) => {
    if (!isRefusal(value)) return value as Value;
    if (isForbidden(value)) return value;
    // MGET would pass over a key of another type.
    if (value.message.startsWith('WRONGTYPE')) return null;
    throw refusal(places[index], value);
  });
}

function isForbidden(error: Error): boolean {
  return error.message.startsWith('NOPERM');
}
