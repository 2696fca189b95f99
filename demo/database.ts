import { MikroORM } from '@mikro-orm/libsql';
import type { SseTrigger } from 'sse-trigger';
import { type BellKey, Notification } from './notification.ts';
import { PushOnSave } from './push-on-save.ts';

export type Database = Awaited<ReturnType<typeof openDatabase>>;

/** Opens `file`, which may be ':memory:', and makes the tables that are missing. */
export async function openDatabase(file: string, trigger: Pick<SseTrigger<BellKey>, 'push'>) {
  const orm = await MikroORM.init({
    dbName: file,
    entities: [Notification],
    subscribers: [new PushOnSave(trigger)],
    // Another process may be writing to the same file. So many milliseconds it is waited for, in which this one stands
    // still, since libsql knows no other way to wait.
    driverOptions: { connection: { timeout: 250 } },
  });
  // With this, who reads and who writes never wait for each other.
  await orm.em.getConnection().execute('pragma journal_mode = wal');
  await orm.schema.updateSchema({ safe: true });
  return orm;
}
