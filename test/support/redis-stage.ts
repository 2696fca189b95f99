import { Redis } from 'ioredis';
import { type Handler, type SseTrigger, type SseTriggerOptions, streamSse } from '../../src/index.ts';
import { RedisStore } from '../../src/stores/redis-store.ts';
import { MeasuredStore } from './measured-store.ts';
import type { RedisServer } from './redis-server.ts';
import { type StreamApp, streamApp } from './stream-app.ts';
import type { StreamClient } from './stream-client.ts';
import { until } from './until.ts';

export const POLL = 100;
export const STORE_TIMEOUT = 1000;
export const HEARTBEAT = 500;

/** What an application shows; it knows nothing of the store's trouble. */
export interface Database {
  count: number;
}

/** An application with a trigger of its own, as another process would have it, that streams a count. */
export interface RedisStage extends StreamApp {
  /** Most reads that were under way at once. */
  readonly mostReads: number;
  /** Counts one more, and pushes. */
  save(): PromiseLike<boolean>;
}

export interface RedisStageOptions extends SseTriggerOptions {
  readonly database?: Database;
  readonly wake?: boolean;
  /** Who the application is to Redis. */
  readonly username?: string;
}

export async function redisStage(
  { port }: Pick<RedisServer, 'port'>,
  { database = { count: 0 }, wake = true, username, ...options }: RedisStageOptions = {},
): Promise<RedisStage> {
  const client = new Redis(port, {
    lazyConnect: true,
    ...(username !== undefined && { username, password: 'any' }),
  });
  const store = new MeasuredStore(new RedisStore(client, { wake }));
  const mount = (trigger: SseTrigger): Handler =>
    streamSse(trigger, { key: 'count', data: () => database.count, heartbeat: HEARTBEAT, throttle: 0 });
  const app = await streamApp(mount, { store, poll: POLL, storeTimeout: STORE_TIMEOUT, ...options });
  return {
    ...app,
    get mostReads() {
      return store.mostReads;
    },
    save() {
      database.count += 1;
      return app.trigger.push('count');
    },
  };
}

/** Reads until the count is there that is asked for. */
export async function untilShown(viewer: StreamClient, count: number): Promise<void> {
  while ((await viewer.next()).data !== `${count}`);
}

/** Resolves when so many more polls were begun. */
export async function polls({ trigger }: RedisStage, count: number): Promise<void> {
  const { checks } = trigger.stats();
  await until(() => trigger.stats().checks >= checks + count);
}

/** Two applications with one database and one Redis, and a viewer of each, who shows what there is. */
export async function twoStages(redis: RedisServer, options: RedisStageOptions = {}) {
  const database = { count: 0 };
  const here = await redisStage(redis, { database });
  const there = await redisStage(redis, { database, ...options });
  const viewers = [await here.open(), await there.open()] as const;
  for (const viewer of viewers) await untilShown(viewer, 0);
  return {
    here,
    there,
    viewers,
    database,
    async [Symbol.asyncDispose]() {
      for (const part of [...viewers, here, there]) await part[Symbol.asyncDispose]();
    },
  };
}
