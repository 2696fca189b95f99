import { requireBoolean, requireKnown } from '../option-checks.ts';
import type { Reading, Store } from '../store.ts';
import { IoredisDriver, type RedisClient } from './ioredis-driver.ts';
import { Keyspace } from './keyspace.ts';
import type { RedisClusterClient } from './redis-cluster-map.ts';
import { RedisClusterStore } from './redis-cluster-store.ts';
import type { RedisDriverMaker } from './redis-driver.ts';
import { RedisSingleStore } from './redis-single-store.ts';
import { REDIS_STORE_OPTIONS, type RedisStoreOptions } from './redis-wakes.ts';

export type { RedisStoreOptions };

/**
 * Keeps versions in Redis as plain texts at `<prefix><key>`. Wakes go over the channel `<prefix>wake:<db>`.
 *
 * The client handed in, a `Redis` (also by Sentinels) or a `Cluster` of ioredis, only says how to connect (its
 * `keyPrefix` does not count) and is never used itself, so that it may block or subscribe. Up to three connections are
 * made when they are needed, named `sse-trigger:read`, `:write` and `:wake`, on a Cluster the first two to each primary;
 * one that is lost or silent is given up, and the next call makes another.
 *
 * Needs the permissions `+info +mget +set`, `+publish +subscribe` for wakes, and `+select` for a database other than 0;
 * on a Cluster `+get +asking +cluster|slots` in place of `+mget`. Where `info` is refused, each new connection counts as
 * another data set, and nobody notices that a replica answers. Where single keys may not be read, `+get` tells which.
 *
 * @throws TypeError for a client of another library, and for an option that does not exist or cannot be meant.
 */
export class RedisStore implements Store {
  readonly #store: RedisSingleStore | RedisClusterStore;

  constructor(client: RedisClient | RedisClusterClient, options: RedisStoreOptions = {}) {
    requireIoredis(client);
    requireKnown('RedisStore', options, REDIS_STORE_OPTIONS);
    const { wake = true } = options;
    requireBoolean('wake', wake);
    const keyspace = new Keyspace(options);
    if (isCluster(client)) {
      this.#store = new RedisClusterStore(client, keyspace, wake);
      return;
    }
    const makeDriver: RedisDriverMaker = (name, events) => new IoredisDriver(client, name, events);
    this.#store = new RedisSingleStore(makeDriver, keyspace, client.options.db ?? 0, wake);
  }

  read(keys: readonly string[], signal: AbortSignal): Promise<readonly Reading[]> {
    return this.#store.read(keys, signal);
  }

  write(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    return this.#store.write(versions, signal);
  }

  add(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    return this.#store.add(versions, signal);
  }

  subscribe(onWake: (key: string, version: string) => void, onError: (error: unknown) => void): () => void {
    return this.#store.subscribe(onWake, onError);
  }

  /** Closes the connections of the store. Calls under way and later ones reject; the client handed in stays as it is. */
  close(): Promise<void> {
    return this.#store.close();
  }
}

function isCluster(client: RedisClient | RedisClusterClient): client is RedisClusterClient {
  return client.isCluster;
}

function requireIoredis(client: Partial<RedisClient | RedisClusterClient> | undefined): void {
  if (typeof client?.isCluster === 'boolean') return;
  throw new TypeError(
    "RedisStore needs a Redis or Cluster of ioredis; for a client of node-redis there is NodeRedisStore in 'sse-trigger/node-redis'",
  );
}
