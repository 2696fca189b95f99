import { createClient } from '@libsql/client';
import { eq, sql } from 'drizzle-orm';
import { BetterSQLiteSession } from 'drizzle-orm/better-sqlite3/session';
import { drizzle as drizzleLibsql } from 'drizzle-orm/libsql';
import * as mysqlCore from 'drizzle-orm/mysql-core';
import { drizzle as drizzleMysql } from 'drizzle-orm/mysql-proxy';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import * as pgCore from 'drizzle-orm/pg-core';
import * as singlestoreCore from 'drizzle-orm/singlestore-core';
import { drizzle as drizzleSinglestore } from 'drizzle-orm/singlestore-proxy';
import * as sqliteCore from 'drizzle-orm/sqlite-core';
import Sqlite from 'libsql';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SseTrigger } from '../../src/index.ts';
import { on, pushAfterSave } from '../../src/orm/drizzle.ts';
import { adapterConformance, keyOf, POOL } from './conformance.ts';
import { databases, type Place } from './database.ts';
import { lossyWay, ormStage } from './orm-stage.ts';
import type { OrmUnderTest, Setting, Writer } from './orm-under-test.ts';

const postgresTables = {
  users: pgCore.pgTable('users', { id: pgCore.integer().primaryKey() }),
  notifications: pgCore.pgTable('notifications', {
    id: pgCore.serial().primaryKey(),
    userId: pgCore.integer('user_id').notNull(),
    text: pgCore.text().notNull(),
    read: pgCore.boolean().notNull().default(false),
    deletedAt: pgCore.timestamp('deleted_at', { withTimezone: true }),
  }),
};
const sqliteTables = {
  users: sqliteCore.sqliteTable('users', { id: sqliteCore.integer().primaryKey() }),
  notifications: sqliteCore.sqliteTable('notifications', {
    id: sqliteCore.integer().primaryKey({ autoIncrement: true }),
    userId: sqliteCore.integer('user_id').notNull(),
    text: sqliteCore.text().notNull(),
    read: sqliteCore.integer({ mode: 'boolean' }).notNull().default(false),
    deletedAt: sqliteCore.integer('deleted_at', { mode: 'timestamp' }),
  }),
};

type Tables = typeof postgresTables;
type Db = Pick<NodePgDatabase, 'insert' | 'update' | 'delete' | 'transaction'>;

interface Opened {
  readonly db: Db;
  readonly tables: Tables;
  execute(statement: ReturnType<typeof sql>): Promise<unknown>;
  close(): Promise<unknown>;
}

function openDb(place: Place): Opened {
  if ('file' in place) {
    const client = createClient({ url: `file:${place.file}` });
    const db = drizzleLibsql(client);
    return {
      // Of other types, but what is called here is called in the same way.
      db: db as unknown as Db,
      tables: sqliteTables as unknown as Tables,
      execute: (statement) => db.run(statement),
      close: async () => client.close(),
    };
  }
  const pool = new pg.Pool({ connectionString: place.url, max: POOL });
  // A connection that is lost tells the query, too.
  pool.on('error', () => {}).on('connect', (client) => client.on('error', () => {}));
  const db = drizzle(pool);
  return {
    db,
    tables: postgresTables,
    execute: (statement) => db.execute(statement),
    close: () => pool.end(),
  };
}

function writer(db: Db, { notifications }: Tables, obvious: (userId: number) => void = () => {}): Writer {
  return {
    async insert(row) {
      const [given] = await db.insert(notifications).values(row).returning({ id: notifications.id });
      return given!.id;
    },
    async update(id, values) {
      const update = db.update(notifications).set(values).where(eq(notifications.id, id));
      const [given] = await update.returning();
      obvious(given!.userId);
    },
    // A query, which is not carried out before it is awaited.
    delete: (id) =>
      db
        .delete(notifications)
        .where(eq(notifications.id, id))
        .returning() as PromiseLike<unknown> as Promise<unknown>,
    nested: (work) => db.transaction((inner) => work(writer(inner, tablesOf(notifications)))),
  };

  function tablesOf(mapped: Tables['notifications']): Tables {
    return { notifications: mapped } as Tables;
  }
}

async function open({ place, trigger, hook, bulk }: Setting): Promise<OrmUnderTest> {
  const opened = openDb(place);
  const { tables } = opened;
  const { notifications, users } = tables;
  const hooked = pushAfterSave(
    trigger,
    on(notifications, (n) => keyOf(n.userId), { bulk }),
  );
  const db = hook === 'adapter' ? hooked(opened.db) : opened.db;
  const obvious = hook === 'obvious' ? (userId: number) => void trigger.push(keyOf(userId)) : undefined;
  return {
    ...writer(db, tables),
    transaction: (work) => db.transaction((tx) => work(writer(tx, tables, obvious))),
    ways: {
      'bulk insert': async ({ userId }) =>
        db.insert(notifications).values(['a', 'b'].map((text) => ({ userId, text }))),
      'bulk update': async ({ userId }) =>
        db.update(notifications).set({ text: 'a' }).where(eq(notifications.userId, userId)),
      'bulk delete': async ({ userId }) => db.delete(notifications).where(eq(notifications.userId, userId)),
      upsert: async ({ id, userId }) =>
        db
          .insert(notifications)
          .values({ id, userId, text: 'a' })
          .onConflictDoUpdate({ target: notifications.id, set: { text: 'b' } }),
      'raw SQL': ({ id }) => opened.execute(sql`update notifications set text = 'a' where id = ${id}`),
      cascade: async ({ userId }) => db.delete(users).where(eq(users.id, userId)),
    },
    close: () => opened.close(),
  };
}

adapterConformance('Drizzle', open);

describe.each(Object.entries(databases))('Drizzle on %s', (name, openDatabase) => {
  const stage = ormStage(openDatabase);
  let opened: Opened;
  let db: Db;
  let notifications: Tables['notifications'];

  beforeEach(() => {
    opened = openDb(stage.database.place);
    notifications = opened.tables.notifications;
    const hooked = pushAfterSave(
      stage.trigger,
      on(notifications, (n) => keyOf(n.userId)),
    );
    db = hooked(opened.db);
  });

  afterEach(() => opened.close());

  it('drops what was written before tx.rollback()', async () => {
    const undone = db.transaction(async (tx) => {
      await tx.insert(notifications).values({ userId: 1, text: 'a' });
      tx.rollback();
    });
    await expect(undone).rejects.toThrow('Rollback');
    await db.insert(notifications).values({ userId: 2, text: 'a' });
    expect(await stage.written()).toEqual([[keyOf(2)]]);
  });

  it('holds what a callback wrote that gives a query and does not await it', async () => {
    await db.transaction(
      (tx) => tx.insert(notifications).values({ userId: 1, text: 'a' }) as unknown as Promise<void>,
    );
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });

  it('sees rows that a statement returns, by whatever names', async () => {
    const { id } = await stage.database.add(1);
    const owner = { owner: notifications.userId };
    await db.update(notifications).set({ text: 'b' }).returning(owner);
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await db
      .insert(notifications)
      .values({ id, userId: 2, text: 'a' })
      .onConflictDoUpdate({ target: notifications.id, set: { text: 'c' } })
      .returning();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await db.delete(notifications).returning(owner);
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    expect(stage.errors).toEqual([]);
  });

  it('sees what is inserted where there is no conflict', async () => {
    await db.insert(notifications).values({ userId: 1, text: 'a' }).onConflictDoNothing();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });

  it('sees rows that a statement returns in parts', async () => {
    await stage.database.add(1);
    const update = db.update(notifications).set({ text: 'b' });
    await update.returning({ n: { userId: notifications.userId } as never });
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });

  it('makes no key of what is left to a default of the database', async () => {
    const hooked = pushAfterSave(
      stage.trigger,
      on(notifications, (n) => `read:${n.read}`),
    )(opened.db);
    const row = { userId: 1, text: 'a', read: undefined };
    await hooked.insert(notifications).values(row);
    expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
    await hooked.insert(notifications).values(row).returning();
    expect(await stage.written()).toEqual([['read:false']]);
  });

  it('makes no key of a column that a statement does not return', async () => {
    await stage.database.add(1);
    await db.update(notifications).set({ text: 'b' }).returning({ userId: notifications.id });
    expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
    expect(stage.store.writes).toEqual([]);
  });

  it('makes no key of a value that the database computes', async () => {
    await db.insert(notifications).values({ userId: sql`1 + 1`, text: 'a' });
    expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
    expect(stage.store.writes).toEqual([]);
  });

  it('sees what prepared statements write', async () => {
    const insert = db
      .insert(notifications)
      .values({ userId: sql.placeholder('userId'), text: 'a' })
      .prepare('insert');
    await insert.execute({ userId: 1 });
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    const update = db.update(notifications).set({ text: 'b' }).returning().prepare('update');
    await update.execute();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });

  it('sees what is written beside a WITH', async () => {
    await stage.database.add(1);
    const all = (db as NodePgDatabase).$with('all').as((queries) => queries.select().from(notifications));
    await (db as NodePgDatabase).with(all).delete(notifications).returning();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });

  it('says nothing of a write that matches nothing, and of one to another table', async () => {
    await db.update(notifications).set({ text: 'b' });
    await db.delete(notifications);
    await db.update(opened.tables.users).set({ id: 3 }).where(eq(opened.tables.users.id, 3));
    expect(stage.errors).toEqual([]);
  });

  it('gives the condition of a bulk write to the mapping, and pushes its keys', async () => {
    await stage.database.add(1);
    const seen = vi.fn(() => keyOf(1));
    const all = pushAfterSave(
      stage.trigger,
      on(notifications, () => null, { bulk: seen }),
    )(opened.db);
    const where = eq(notifications.userId, 1);
    await all.delete(notifications).where(where);
    expect(seen).toHaveBeenCalledExactlyOnceWith({ kind: 'delete', where });
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });

  it('pushes nothing for a statement that the database refuses', async () => {
    const { id } = await stage.database.add(1);
    await expect(db.insert(notifications).values({ id, userId: 1, text: 'a' })).rejects.toThrow();
    await db.insert(notifications).values({ userId: 2, text: 'a' });
    expect(await stage.written()).toEqual([[keyOf(2)]]);
  });

  it('leaves the database that it is given as it is', async () => {
    await opened.db.insert(notifications).values({ userId: 1, text: 'a' });
    await db.insert(notifications).values({ userId: 2, text: 'a' });
    expect(await stage.written()).toEqual([[keyOf(2)]]);
  });

  // There is no way to a file on which an answer could be lost.
  if (name !== 'PostgreSQL') return;

  it('pushes when the answer to a statement is lost', async () => {
    const way = await lossyWay(stage.database.place);
    using proxy = way.proxy;
    const remote = openDb(way.place);
    const hooked = pushAfterSave(
      stage.trigger,
      on(notifications, (n) => keyOf(n.userId)),
    );
    proxy.loses = /insert/i;
    await expect(hooked(remote.db).insert(notifications).values({ userId: 1, text: 'a' })).rejects.toThrow();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await remote.close();
  });
});

describe('Drizzle over SQLite', () => {
  const { notifications } = sqliteTables;
  const stage = ormStage(databases.embedded);
  const hooked = <Db extends Parameters<ReturnType<typeof pushAfterSave>>[0]>(db: Db) =>
    pushAfterSave(
      stage.trigger,
      on(notifications, (n) => keyOf(n.userId)),
    )(db);
  const file = () => (stage.database.place as { file: string }).file;

  it('sees what a batch writes', async () => {
    const client = createClient({ url: `file:${file()}` });
    const db = hooked(drizzleLibsql(client));
    await db.batch([
      db.insert(notifications).values({ userId: 1, text: 'a' }),
      db.insert(notifications).values({ userId: 2, text: 'b' }).returning({ id: notifications.id }),
    ]);
    expect((await stage.written()).flat()).toEqual([keyOf(1), keyOf(2)]);
    client.close();
  });

  it('sees one row, all rows, and none', async () => {
    const client = createClient({ url: `file:${file()}` });
    const db = hooked(drizzleLibsql(client));
    const insert = () => db.insert(notifications).values({ userId: 1, text: 'a' });
    const update = () =>
      db.update(notifications).set({ text: 'b' }).where(eq(notifications.userId, 1)).returning();
    await insert().run();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await update().all();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await update().get();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await insert().returning().values();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    expect(stage.errors).toEqual([]);
    await update().values();
    expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
    client.close();
  });

  it('serves drivers without promises', async () => {
    const sqlite = new Sqlite(file());
    const dialect = new sqliteCore.SQLiteSyncDialect();
    const session = new BetterSQLiteSession(sqlite as never, dialect, undefined, {});
    const db = hooked(new sqliteCore.BaseSQLiteDatabase('sync', dialect, session, undefined));
    const insert = (tx: typeof db, userId: number) =>
      tx.insert(notifications).values({ userId, text: 'a' }).run();
    insert(db, 1);
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    const given = db.transaction((tx) => {
      insert(tx, 1);
      expect(() =>
        tx.transaction((inner) => {
          insert(inner, 3);
          throw new Error('undo');
        }),
      ).toThrow('undo');
      insert(tx, 2);
      return 'given';
    });
    expect(given).toBe('given');
    expect(await stage.written()).toEqual([[keyOf(1), keyOf(2)]]);
    sqlite.close();
  });
});

// Of other types, but what is called here is called in the same way.
const singlestore = singlestoreCore as unknown as {
  readonly singlestoreTable: typeof mysqlCore.mysqlTable;
  readonly int: typeof mysqlCore.int;
  readonly text: typeof mysqlCore.text;
};

describe.each([
  { name: 'MySQL', drizzleProxy: drizzleMysql, table: mysqlCore.mysqlTable, ...mysqlCore },
  {
    name: 'SingleStore',
    drizzleProxy: drizzleSinglestore as unknown as typeof drizzleMysql,
    table: singlestore.singlestoreTable,
    ...singlestore,
  },
])('Drizzle on $name', ({ drizzleProxy, table, int, text }) => {
  const notifications = table('notifications', {
    id: int('id').primaryKey().autoincrement(),
    userId: int('user_id').notNull(),
    text: text('text'),
  });
  const stage = ormStage(databases.embedded);
  // No server: what it answers is what counts here.
  const opened = (affectedRows = 1) =>
    pushAfterSave(
      stage.trigger,
      on(notifications, (n) => keyOf(n.userId), { bulk: ({ kind }) => kind }),
    )(drizzleProxy(async () => ({ rows: [{ affectedRows, insertId: 5 }] })));

  it('sees what is inserted, and that rows were changed', async () => {
    const db = opened();
    await db.insert(notifications).values({ userId: 1, text: 'a' });
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await db.insert(notifications).values({ userId: 1, text: 'a' }).$returningId();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await db.update(notifications).set({ text: 'b' }).prepare().execute();
    expect(await stage.written()).toEqual([['update']]);
    await db.delete(notifications);
    expect(await stage.written()).toEqual([['delete']]);
  });

  it('does not know whose row an upsert has changed', async () => {
    const row = { id: 1, userId: 2, text: 'a' };
    const upsert = opened().insert(notifications).values(row);
    await upsert.onDuplicateKeyUpdate({ set: { text: 'b' } });
    expect(await stage.written()).toEqual([['insert', 'update']]);
  });

  it('pushes nothing for a write that matches nothing', async () => {
    await opened(0).update(notifications).set({ text: 'b' });
    await opened().delete(notifications);
    expect(await stage.written()).toEqual([['delete']]);
  });

  it('sees what is written by an iterator, when that ends', async () => {
    const answers = (async function* () {
      yield { affectedRows: 1 };
    })();
    const query = opened().insert(notifications).values({ userId: 1, text: 'a' });
    // The proxy itself refuses to iterate.
    const [statement] = [query.prepare()].map(Object.getPrototypeOf) as [{ iterator: () => unknown }];
    vi.spyOn(Object.getPrototypeOf(statement), 'iterator').mockReturnValueOnce(answers);
    for await (const answer of query.iterator()) {
      expect(answer).toEqual({ affectedRows: 1 });
      expect(stage.store.writes).toEqual([]);
    }
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });
});

it('tells that a query of an unknown form is not watched', async () => {
  const table = postgresTables.notifications;
  const errors: unknown[] = [];
  const trigger = new SseTrigger({ onError: (error) => void errors.push(error) });
  const query = { config: { table } };
  const db = { insert() {}, update() {}, delete: () => query, transaction() {} };
  const hooked = pushAfterSave(
    trigger,
    on(table, (n) => keyOf(n.userId)),
  )(db as never) as typeof db;
  expect(hooked.delete()).toBe(query);
  expect(query).toEqual({ config: { table } });
  expect(errors).toMatchObject([{ code: 'rows_unknown', cause: expect.any(TypeError) }]);
  await trigger.close();
});

it('refuses what is no mapping', () => {
  const trigger = new SseTrigger();
  expect(() => on(postgresTables.users, 'key' as never)).toThrow(TypeError);
  expect(() => pushAfterSave(trigger)).toThrow(TypeError);
});
