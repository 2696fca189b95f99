import { MikroORM, type Options } from '@mikro-orm/core';
import type { AbstractSqlDriver } from '@mikro-orm/libsql';
import type { SseTrigger } from 'sse-trigger';
import { type Change, on, pushAfterSave } from 'sse-trigger/mikro-orm';
import { ANY_NOTIFICATION, type Key, Notification, toBellKey } from './notification.ts';
import { reasonOf } from './reason.ts';
import { Session } from './session-store.ts';
import { Setting } from './setting.ts';

export type Database = MikroORM<AbstractSqlDriver>;

/** The URL of a PostgreSQL, or the file of an embedded database, which may be ':memory:'. */
export type Place = { url: string } | { file: string };

/**
 * Opens a database, and makes the tables that are missing.
 *
 * @throws Error that says in one line why it cannot be opened.
 */
export async function openDatabase(place: Place, trigger: SseTrigger<Key>): Promise<Database> {
  try {
    const orm = await MikroORM.init({
      ...(await optionsFor(place)),
      entities: [Notification, Session, Setting],
      subscribers: [pushAfterSave(trigger, on(Notification, toKeys))],
    });
    await prepare(orm, place);
    return orm;
  } catch (cause) {
    throw new Error(`The database cannot be opened: ${reasonOf(cause)}`, { cause });
  }
}

/** Who saves a notification need not think of the streams that show it. */
function toKeys({ to }: Notification, { kind }: Change<Notification>): Key[] {
  return kind === 'insert' ? [toBellKey(to), ANY_NOTIFICATION] : [toBellKey(to)];
}

/** Only the driver that is used is loaded. */
async function optionsFor(place: Place): Promise<Options<AbstractSqlDriver>> {
  if ('url' in place) {
    const { PostgreSqlDriver } = await import('@mikro-orm/postgresql');
    return { driver: PostgreSqlDriver, clientUrl: place.url };
  }
  const { LibSqlDriver } = await import('@mikro-orm/libsql');
  // Another process may be writing to the same file. So many milliseconds it is waited for, in which this one stands
  // still, since libsql knows no other way to wait.
  return { driver: LibSqlDriver, dbName: place.file, driverOptions: { connection: { timeout: 250 } } };
}

/** Another process may be doing the same at this very moment. The one that loses looks again at what is missing then. */
async function prepare(orm: Database, place: Place, attempts = 5): Promise<void> {
  try {
    // With this, who reads and who writes never wait for each other.
    if ('file' in place) await orm.em.getConnection().execute('pragma journal_mode = wal');
    await orm.schema.updateSchema({ safe: true });
  } catch (error) {
    if (attempts === 1) throw error;
    await prepare(orm, place, attempts - 1);
  }
}
