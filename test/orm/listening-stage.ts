import diagnosticsChannel from 'node:diagnostics_channel';
import { Redis } from 'ioredis';
import pg from 'pg';
import { type PushMessage, type SseTriggerOptions, streamSse } from '../../src/index.ts';
import { type Listening, listen } from '../../src/orm/postgres.ts';
import { EVERYTHING } from '../../src/shared-key.ts';
import { RedisStore } from '../../src/stores/redis-store.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { type StreamApp, streamApp } from '../support/stream-app.ts';
import type { StreamClient } from '../support/stream-client.ts';

export const HEARTBEAT = 500;

/** What the listening connections are called in pg_stat_activity. */
export const LISTENER = 'listener';

/** An application that shows how many notifications a user has, and pushes what PostgreSQL tells. */
export interface ListeningStage extends StreamApp {
  readonly listening: Listening;
  readonly line: Line;
}

/** The way to PostgreSQL. */
interface Line {
  /** Set while no connection can be made. */
  isCut: boolean;
  /** How often a connection was asked for. */
  tries: number;
  /** The last client that was handed out. */
  client: pg.Client | undefined;
}

/** Resolves when it listens, and what that causes is done. */
export async function listeningStage(
  postgres: PostgresServer,
  { redis, ...options }: SseTriggerOptions & { redis?: RedisServer } = {},
): Promise<ListeningStage> {
  const pool = new pg.Pool({ connectionString: postgres.url, max: 2 });
  pool.on('error', () => {});
  const countOf = async (userId: number) => {
    const { rows } = await pool.query<{ count: number }>(
      'select count(*)::int as count from notifications where user_id = $1',
      [userId],
    );
    return rows[0]!.count;
  };
  const store = redis && new RedisStore(new Redis(redis.port, { lazyConnect: true }));
  const app = await streamApp(
    (trigger) => ({
      '/:id': streamSse(trigger, {
        subject: (req) => Number(req.params.id),
        key: (userId) => `notifications:${userId}`,
        data: countOf,
        heartbeat: 500,
        throttle: 0,
      }),
    }),
    { poll: 100, ...(store && { store }), ...options },
  );
  const line: Line = { isCut: false, tries: 0, client: undefined };
  const connect = () => {
    line.tries += 1;
    if (line.isCut) throw new Error('cut');
    line.client = new pg.Client({ connectionString: postgres.url, application_name: LISTENER });
    return line.client;
  };
  const begun = everythingPushed();
  const listening = listen(app.trigger, connect, { heartbeat: HEARTBEAT });
  await Promise.race([begun, answered(line.client!)]);
  return {
    ...app,
    listening,
    line,
    async [Symbol.asyncDispose]() {
      await listening.close();
      await app[Symbol.asyncDispose]();
      await pool.end();
    },
  };
}

/** Reads until so many are shown. */
export async function untilShown(viewer: StreamClient, count: number): Promise<void> {
  while ((await viewer.next()).data !== `${count}`);
}

/** Another process has heard all that was committed before. */
export function answered(client: pg.Client): Promise<void> {
  return new Promise((resolve) => {
    client.on('notification', ({ payload }) => {
      if (payload?.startsWith('! ')) resolve();
    });
  });
}

function everythingPushed(): Promise<void> {
  return new Promise((resolve) => {
    const onPush = (message: unknown) => {
      if (!(message as PushMessage).keys.includes(EVERYTHING)) return;
      diagnosticsChannel.unsubscribe('sse-trigger:push', onPush);
      resolve();
    };
    diagnosticsChannel.subscribe('sse-trigger:push', onPush);
  });
}
