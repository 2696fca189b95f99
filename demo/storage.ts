import type { Store as SessionStore } from 'express-session';
import { Keyv } from 'keyv';
import { SseTrigger } from 'sse-trigger';
import { KeyvStore } from 'sse-trigger/keyv';
import { type Database, openDatabase } from './database.ts';
import type { Key } from './notification.ts';
import { DatabaseSessionStore } from './session-store.ts';
import { readSessionSecret } from './setting.ts';

/** Everything that outlives a request. */
export interface Storage {
  trigger: SseTrigger<Key>;
  orm: Database;
  sessions: SessionStore;
  sessionSecret: string;
  close(): Promise<void>;
}

/** Opens what the environment says; see .env.example. Without Redis, versions are kept in `versions`, and sessions in the database. */
export async function openStorage(
  { REDIS_URL, DATABASE_URL, DATABASE_FILE, SESSION_SECRET }: NodeJS.ProcessEnv,
  versions: Map<string, unknown>,
): Promise<Storage> {
  const redis = REDIS_URL ? await (await import('./redis.ts')).openRedis(REDIS_URL) : undefined;
  const store = redis?.versions ?? new KeyvStore(new Keyv({ store: versions }));
  const trigger = new SseTrigger<Key>({ store });
  const place = DATABASE_URL ? { url: DATABASE_URL } : { file: DATABASE_FILE || 'demo/bell.sqlite' };
  const orm = await openDatabase(place, trigger);
  return {
    trigger,
    orm,
    sessions: redis?.sessions ?? (await openSessions(orm)),
    sessionSecret: SESSION_SECRET || (await readSessionSecret(orm.em.fork())),
    async close() {
      await trigger.close();
      redis?.close();
      await orm.close();
    },
  };
}

async function openSessions(orm: Database): Promise<DatabaseSessionStore> {
  const sessions = new DatabaseSessionStore(orm.em);
  await sessions.removeExpired();
  return sessions;
}
