import { requireBoolean, requireKnown } from '../option-checks.ts';
import type { Store } from '../store.ts';
import { Keyspace } from './keyspace.ts';
import { type NodeRedisClient, NodeRedisDriver } from './node-redis-driver.ts';
import { RedisSingleStore } from './redis-single-store.ts';
import { REDIS_STORE_OPTIONS, type RedisStoreOptions } from './redis-wakes.ts';

export type { RedisStoreOptions as NodeRedisStoreOptions };

/**
 * RedisStore for the package redis, version 5 or 6: the same versions at the same places with the same wakes, so that
 * processes with either share what they keep. Connections, permissions and their names are those of RedisStore too.
 *
 * The client handed in is one that `createClient` made for a single server. It only says how to connect (its `keyPrefix`
 * does not count) and is never used itself, so that it need not be connected.
 *
 * @throws TypeError for anything else, and for an option that does not exist or cannot be meant. For a Redis Cluster or
 *   Sentinels there is RedisStore, with ioredis.
 */
export class NodeRedisStore extends RedisSingleStore implements Store {
  constructor(client: NodeRedisClient, options: RedisStoreOptions = {}) {
    requireNodeRedis(client);
    requireKnown('NodeRedisStore', options, REDIS_STORE_OPTIONS);
    const { wake = true } = options;
    requireBoolean('wake', wake);
    const db = client.options?.database ?? 0;
    super((name, events) => new NodeRedisDriver(client, name, events), new Keyspace(options), db, wake);
  }
}

function requireNodeRedis(client: Partial<NodeRedisClient> | undefined): void {
  const called = ['duplicate', 'destroy', 'sendCommand', 'subscribe', 'unref'] as const;
  if (called.every((method) => typeof client?.[method] === 'function')) return;
  const need = 'NodeRedisStore needs a client of redis 5 or 6, as createClient makes it for a single server';
  throw new TypeError(
    `${need}; for ioredis, a Cluster and Sentinels there is RedisStore in 'sse-trigger/redis'`,
  );
}
