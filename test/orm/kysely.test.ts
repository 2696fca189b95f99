import {
  CamelCasePlugin,
  type ControlledTransaction,
  type Dialect,
  type Generated,
  Kysely,
  PostgresDialect,
  SqliteDialect,
  sql,
} from 'kysely';
import Sqlite from 'libsql';
import pg from 'pg';
// @ts-expect-error: it has no types
import Cursor from 'pg-cursor';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SseTrigger } from '../../src/index.ts';
import { on, pushAfterSave } from '../../src/orm/kysely.ts';
import { adapterConformance, keyOf, POOL } from './conformance.ts';
import { databases, type Place } from './database.ts';
import { lossyWay, ormStage } from './orm-stage.ts';
import type { OrmUnderTest, Setting, Writer } from './orm-under-test.ts';

interface Tables {
  users: { id: number };
  notifications: {
    id: Generated<number>;
    user_id: number;
    text: string;
    read: Generated<boolean>;
    deleted_at: Date | string | null;
  };
}

function dialectOf(place: Place): Dialect {
  if ('file' in place) return new SqliteDialect({ database: new Sqlite(place.file, { timeout: 5000 }) });
  const pool = new pg.Pool({ connectionString: place.url, max: POOL });
  // A connection that is lost tells the query, too.
  pool.on('error', () => {}).on('connect', (client) => client.on('error', () => {}));
  return new PostgresDialect({ pool, cursor: Cursor });
}

function columns({ userId, text }: { userId?: number; text?: string }) {
  return { ...(userId !== undefined && { user_id: userId }), ...(text !== undefined && { text }) };
}

let savepoints = 0;

function writer(db: Kysely<Tables>, obvious: (userId: number) => void = () => {}): Writer {
  return {
    async insert({ userId, text }) {
      const values = { user_id: userId, text };
      return (await db.insertInto('notifications').values(values).returning('id').executeTakeFirstOrThrow())
        .id;
    },
    async update(id, values) {
      const update = db.updateTable('notifications').set(columns(values)).where('id', '=', id);
      obvious((await update.returningAll().executeTakeFirstOrThrow()).user_id);
    },
    delete: (id) => db.deleteFrom('notifications').where('id', '=', id).returning('user_id').execute(),
    async nested(work) {
      savepoints += 1;
      const name = `s${savepoints}`;
      const outer = db as ControlledTransaction<Tables>;
      const inner = await outer.savepoint(name).execute();
      try {
        await work(writer(inner));
        await inner.releaseSavepoint(name).execute();
      } catch (error) {
        await inner.rollbackToSavepoint(name).execute();
        throw error;
      }
    },
  };
}

async function open({ place, trigger, hook, bulk }: Setting): Promise<OrmUnderTest> {
  const hooked = pushAfterSave(
    trigger,
    on<Tables>()('notifications', (n) => keyOf(n.user_id), { bulk }),
  );
  const dialect = hook === 'adapter' ? hooked(dialectOf(place)) : dialectOf(place);
  const db = new Kysely<Tables>({ dialect });
  const obvious = hook === 'obvious' ? (userId: number) => void trigger.push(keyOf(userId)) : undefined;
  return {
    ...writer(db),
    async transaction(work) {
      const trx = await db.startTransaction().execute();
      try {
        await work(writer(trx, obvious));
        await trx.commit().execute();
      } catch (error) {
        await trx.rollback().execute();
        throw error;
      }
    },
    ways: {
      'bulk insert': ({ userId }) =>
        db
          .insertInto('notifications')
          .values(['a', 'b'].map((text) => ({ user_id: userId, text })))
          .execute(),
      'bulk update': ({ userId }) =>
        db.updateTable('notifications').set({ text: 'a' }).where('user_id', '=', userId).execute(),
      'bulk delete': ({ userId }) => db.deleteFrom('notifications').where('user_id', '=', userId).execute(),
      upsert: ({ id, userId }) =>
        db
          .insertInto('notifications')
          .values({ id, user_id: userId, text: 'a' })
          .onConflict((conflict) => conflict.column('id').doUpdateSet({ text: 'b' }))
          .execute(),
      'raw SQL': ({ id }) => sql`update notifications set text = 'a' where id = ${id}`.execute(db),
      cascade: ({ userId }) => db.deleteFrom('users').where('id', '=', userId).execute(),
    },
    close: () => db.destroy(),
  };
}

adapterConformance('Kysely', open);

describe.each(Object.entries(databases))('Kysely on %s', (name, openDatabase) => {
  const stage = ormStage(openDatabase);
  let db: Kysely<Tables>;

  beforeEach(() => {
    db = opened(on<Tables>()('notifications', (n) => keyOf(n.user_id)));
  });

  afterEach(() => db.destroy());

  const opened = (mapping: Parameters<typeof pushAfterSave>[1], place = stage.database.place) =>
    new Kysely<Tables>({ dialect: pushAfterSave(stage.trigger, mapping)(dialectOf(place)) });
  const insert = (userId: number) => ({ user_id: userId, text: 'a' });

  it('pushes after a transaction that is given as a callback', async () => {
    await db.transaction().execute(async (trx) => {
      await trx
        .insertInto('notifications')
        .values([insert(1), insert(2)])
        .execute();
      expect(stage.store.writes).toEqual([]);
    });
    expect(await stage.written()).toEqual([[keyOf(1), keyOf(2)]]);
    const undone = db.transaction().execute(async (trx) => {
      await trx.insertInto('notifications').values(insert(1)).execute();
      throw new Error('undo');
    });
    await expect(undone).rejects.toThrow('undo');
    await db.insertInto('notifications').values(insert(3)).execute();
    expect(await stage.written()).toEqual([[keyOf(3)]]);
  });

  it('keeps a savepoint that was rolled back to, and what is written after', async () => {
    const trx = await db.startTransaction().execute();
    const first = await trx.savepoint('first').execute();
    await first.insertInto('notifications').values(insert(1)).execute();
    const second = await first.savepoint('second').execute();
    await second.insertInto('notifications').values(insert(1)).execute();
    const again = await second.rollbackToSavepoint('first').execute();
    await again.insertInto('notifications').values(insert(2)).execute();
    await trx.commit().execute();
    expect(await stage.written()).toEqual([[keyOf(2)]]);
  });

  it('sees rows that a statement returns', async () => {
    const { id } = await stage.database.add(1);
    const table = 'notifications';
    await db.updateTable(table).set({ text: 'b' }).where('user_id', '=', 1).returningAll().execute();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await db
      .insertInto(table)
      .values({ id, user_id: 2, text: 'a' })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ text: 'c' }))
      .returning(['id', 'user_id'])
      .execute();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await db.deleteFrom(table).where('user_id', '=', 1).returning('user_id').execute();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    expect(stage.errors).toEqual([]);
  });

  it('makes no key of a column that a statement does not return', async () => {
    const { id } = await stage.database.add(1);
    await db.updateTable('notifications').set({ text: 'b' }).where('id', '=', id).returning('id').execute();
    expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
    expect(stage.store.writes).toEqual([]);
  });

  it('makes no key of what is called like a column, and finds a column by another name', async () => {
    const { id } = await stage.database.add(1);
    const update = db.updateTable('notifications').set({ text: 'b' });
    await update.returning('id as user_id').execute();
    await update.returningAll().returning('id as user_id').execute();
    await update.returning(['user_id', 'id as user_id']).execute();
    await update.returning(sql<number>`${id}`.as('user_id')).execute();
    expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
    expect(stage.store.writes).toEqual([]);
    await update.returning('user_id as owner').execute();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    const values = { user_id: 2, text: 'a' };
    await db.insertInto('notifications').values(values).returning('id as user_id').execute();
    expect(await stage.written()).toEqual([[keyOf(2)]]);
  });

  it('makes no key of a value that the database computes', async () => {
    const user_id = sql<number>`1 + 1`;
    await db.insertInto('notifications').values({ user_id, text: 'a' }).execute();
    expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
    await db.insertInto('notifications').values({ user_id, text: 'a' }).returning('user_id').execute();
    expect(await stage.written()).toEqual([[keyOf(2)]]);
  });

  it('does not know the rows of an insert that selects them', async () => {
    await stage.database.add(1);
    await db
      .insertInto('notifications')
      .columns(['user_id', 'text'])
      .expression((eb) => eb.selectFrom('notifications').select(['user_id', 'text']))
      .execute();
    expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
  });

  it('says nothing of a write that matches nothing, and of one to another table', async () => {
    await db.updateTable('notifications').set({ text: 'b' }).where('user_id', '=', -1).execute();
    await db.deleteFrom('notifications').where('user_id', '=', -1).execute();
    await db.updateTable('users').set({ id: 3 }).where('id', '=', 3).execute();
    await db.insertInto('notifications').values(insert(3)).explain();
    expect(stage.errors).toEqual([]);
    expect(stage.store.writes).toEqual([]);
  });

  it('pushes nothing for a statement that the database refuses', async () => {
    const { id } = await stage.database.add(1);
    await expect(
      db
        .insertInto('notifications')
        .values({ ...insert(1), id })
        .execute(),
    ).rejects.toThrow();
    await db.insertInto('notifications').values(insert(2)).execute();
    expect(await stage.written()).toEqual([[keyOf(2)]]);
  });

  it('does not break a query whose form it cannot read', async () => {
    const query = { sql: 'select 1 as one', parameters: [], queryId: { queryId: '1' }, query: null as never };
    expect(await db.executeQuery(query)).toMatchObject({ rows: [{ one: 1 }] });
    expect(stage.errors).toMatchObject([{ code: 'rows_unknown', cause: expect.any(TypeError) }]);
  });

  it('reads names in camel case where a plugin does', async () => {
    interface Camel {
      notifications: { id: Generated<number>; userId: number; text: string };
    }
    const hooked = pushAfterSave(
      stage.trigger,
      on<Camel>()('notifications', (n) => keyOf(n.userId)),
    );
    const dialect = hooked(dialectOf(stage.database.place));
    const camel = new Kysely<Camel>({ dialect, plugins: [new CamelCasePlugin()] });
    await camel.insertInto('notifications').values({ userId: 1, text: 'a' }).execute();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await camel.updateTable('notifications').set({ text: 'b' }).returning('userId').execute();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await camel.destroy();
  });

  it('gives the condition of a bulk write to the mapping, and pushes its keys', async () => {
    await stage.database.add(1);
    await db.destroy();
    const seen = vi.fn(() => keyOf(1));
    db = opened(on<Tables>()('notifications', () => null, { bulk: seen }));
    await db.deleteFrom('notifications').where('user_id', '=', 1).execute();
    expect(seen).toHaveBeenCalledExactlyOnceWith({ kind: 'delete', where: expect.any(Object) });
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });

  if (name !== 'PostgreSQL') return;

  describe('streams', () => {
    const KEYS = [keyOf(1), keyOf(2), keyOf(3)];
    const all = 'all';

    beforeEach(async () => {
      for (const userId of [1, 2, 3]) await stage.database.add(userId);
      await db.destroy();
      db = opened(on<Tables>()('notifications', (n) => keyOf(n.user_id), { bulk: () => all }));
    });

    const update = (within: Kysely<Tables> = db) => within.updateTable('notifications').set({ text: 'b' });

    it('pushes when all is committed', async () => {
      for await (const { user_id } of update().returning('user_id').stream(1)) {
        expect(user_id).toBeTypeOf('number');
        expect(stage.store.writes).toEqual([]);
      }
      expect(await stage.written()).toEqual([KEYS]);
    });

    it('does not know the rows that nobody has read', async () => {
      for await (const _ of update().returning('user_id').stream(1)) break;
      expect(await stage.written()).toEqual([[keyOf(1), all]]);
    });

    it('sees a write that gives no rows', async () => {
      for await (const _ of update().stream()) expect.unreachable();
      expect(await stage.written()).toEqual([[all]]);
      const none = update().where('user_id', '=', -1).returning('user_id');
      for await (const _ of none.stream()) expect.unreachable();
      await db.insertInto('notifications').values(insert(2)).execute();
      expect(await stage.written()).toEqual([[keyOf(2)]]);
    });

    it('holds what is written in a transaction', async () => {
      await db.transaction().execute(async (trx) => {
        for await (const _ of update(trx).returning('user_id').stream(1));
        await trx.selectFrom('users').selectAll().execute();
        expect(stage.store.writes).toEqual([]);
      });
      expect(await stage.written()).toEqual([KEYS]);
    });

    it('pushes nothing when the database refuses the write', async () => {
      const refused = update().set({ user_id: -1 }).returning('user_id').stream();
      await expect(refused.next()).rejects.toThrow();
      await db.insertInto('notifications').values(insert(2)).execute();
      expect(await stage.written()).toEqual([[keyOf(2)]]);
    });

    it('pushes when the connection is lost in between', async () => {
      const dialect = dialectOf(stage.database.place);
      // A real cursor waits for ever then, to be closed.
      const losing: Dialect = {
        createDriver() {
          const driver = dialect.createDriver();
          const acquire = driver.acquireConnection.bind(driver);
          driver.acquireConnection = async () =>
            Object.assign(await acquire(), {
              async *streamQuery() {
                yield { rows: [{ user_id: 1 }] as never[] };
                throw Object.assign(new Error('lost'), { code: 'ECONNRESET' });
              },
            });
          return driver;
        },
        createQueryCompiler: () => dialect.createQueryCompiler(),
        createAdapter: () => dialect.createAdapter(),
        createIntrospector: (kysely) => dialect.createIntrospector(kysely),
      };
      const mapping = on<Tables>()('notifications', (n) => keyOf(n.user_id), { bulk: () => all });
      const remote = new Kysely<Tables>({ dialect: pushAfterSave(stage.trigger, mapping)(losing) });
      const rows = update(remote).returning('user_id').stream();
      expect(await rows.next()).toMatchObject({ value: { user_id: 1 } });
      await expect(rows.next()).rejects.toThrow('lost');
      expect(await stage.written()).toEqual([[keyOf(1), all]]);
      await remote.destroy();
    });
  });

  it('pushes when the answer to a statement is lost', async () => {
    const way = await lossyWay(stage.database.place);
    using proxy = way.proxy;
    const remote = opened(
      on<Tables>()('notifications', (n) => keyOf(n.user_id)),
      way.place,
    );
    proxy.loses = /insert/i;
    await expect(remote.insertInto('notifications').values(insert(1)).execute()).rejects.toThrow();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await remote.destroy();
  });

  it('sees what a write within a query inserts', async () => {
    await db
      .with('added', (within) => within.insertInto('notifications').values(insert(1)).returning('id'))
      .selectFrom('added')
      .selectAll()
      .execute();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await db
      .with('gone', (within) => within.deleteFrom('notifications').returning('user_id'))
      .selectFrom('gone')
      .selectAll()
      .execute();
    expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
  });

  it('finds a table in a schema', async () => {
    const table = db.withSchema('public');
    await table.insertInto('notifications').values(insert(1)).execute();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await table.updateTable('notifications as n').set({ text: 'b' }).returning('n.user_id').execute();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });

  it('does not take a column of another table for one of the row', async () => {
    await stage.database.add(1);
    await stage.database.add(2);
    const joined = db
      .updateTable('notifications as n')
      .from('notifications as other')
      .set({ text: 'b' })
      .where('n.user_id', '=', 1)
      .where('other.user_id', '=', 2);
    await joined.returning('other.user_id').execute();
    await joined.returningAll().execute();
    await joined.returningAll('other').execute();
    expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
    expect(stage.store.writes).toEqual([]);
    await joined.returningAll('n').execute();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await joined.returning(['n.user_id', 'other.user_id as other']).execute();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });

  it('knows that rows were merged', async () => {
    await stage.database.add(1);
    await db.destroy();
    db = opened(on<Tables>()('notifications', (n) => keyOf(n.user_id), { bulk: ({ kind }) => kind }));
    await db
      .mergeInto('notifications')
      .using('users', 'users.id', 'notifications.user_id')
      .whenMatched()
      .thenUpdateSet({ text: 'b' })
      .execute();
    expect(await stage.written()).toEqual([['insert', 'update', 'delete']]);
  });
});

it('refuses what is no mapping', () => {
  const trigger = new SseTrigger();
  expect(() => on<Tables>()('notifications', 'key' as never)).toThrow(TypeError);
  expect(() => pushAfterSave(trigger)).toThrow(TypeError);
});
