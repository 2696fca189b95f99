import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import type { RedisServer } from './redis-server.ts';

/** Somebody who looks after the server, and gets in whatever happens to others. */
export async function asOperator<T>(
  { port }: RedisServer,
  work: (operator: Redis) => Promise<T>,
  password?: string,
): Promise<T> {
  const login = password === undefined ? {} : { password };
  const operator = new Redis(port, { lazyConnect: true, enableReadyCheck: false, ...login });
  operator.on('error', () => {});
  try {
    return await work(operator);
  } finally {
    operator.disconnect();
  }
}

/** All connections but the operator's are cut. */
export function cutAll(redis: RedisServer): Promise<void> {
  return asOperator(redis, cutOthers);
}

async function cutOthers(operator: Redis): Promise<void> {
  await operator.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await operator.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
}

/** Neither who comes nor who was there gets in without a password. */
export function lockOut(redis: RedisServer): Promise<void> {
  return asOperator(redis, async (operator) => {
    await operator.config('SET', 'requirepass', 'secret');
    await cutOthers(operator);
  });
}

export async function letIn(redis: RedisServer): Promise<void> {
  await asOperator(redis, (operator) => operator.config('SET', 'requirepass', ''), 'secret');
}

export function configure(setting: string, value: string): (redis: RedisServer) => Promise<unknown> {
  return (redis) => asOperator(redis, (operator) => operator.config('SET', setting, value));
}

/** Changes what everybody may do who has no name. */
export function permit(...rules: string[]): (redis: RedisServer) => Promise<unknown> {
  return (redis) => asOperator(redis, (operator) => operator.acl('SETUSER', 'default', ...rules));
}

/** Makes it the replica of a server that is not there. */
export function toReplica(redis: RedisServer): Promise<unknown> {
  return asOperator(redis, async (operator) => operator.replicaof('127.0.0.1', await freePort()));
}

export function toPrimary(redis: RedisServer): Promise<unknown> {
  return asOperator(redis, (operator) => operator.replicaof('NO', 'ONE'));
}

/** Has it throw out all keys for want of memory. @throws when none was thrown out */
export function evictAll(redis: RedisServer): Promise<void> {
  return asOperator(redis, async (operator) => {
    await operator.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await operator.config('SET', 'maxmemory', '1');
    await operator.set('other', '1').catch(() => {});
    const stats = await operator.info('stats');
    await operator.config('SET', 'maxmemory', '0');
    await operator.config('SET', 'maxmemory-policy', 'noeviction');
    if (!/evicted_keys:[1-9]/.test(stats)) throw new Error('nothing was evicted');
  });
}
