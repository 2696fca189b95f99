import { type Knex, knex } from 'knex';
import {
  Model,
  type StaticHookArguments,
  snakeCaseMappers,
  type TransactionOrKnex,
  transaction,
} from 'objection';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type BulkChange, type Change, on, pushAfterSave } from '../../src/orm/objection.ts';
import { adapterConformance, keyOf, POOL } from './conformance.ts';
import { databases, type Place } from './database.ts';
import { LibsqlClient, SilentLibsqlClient } from './knex-over-libsql.ts';
import { ormStage } from './orm-stage.ts';
import type { Writer } from './orm-under-test.ts';

/** With class fields, which are there and undefined in what Objection makes of a patch. */
class Notification extends Model {
  static override tableName = 'notifications';
  static override columnNameMappers = snakeCaseMappers();
  id!: number;
  userId!: number;
  text!: string;
  read!: boolean;
}

class User extends Model {
  static override tableName = 'users';
  id!: number;
  notifications!: Notification[];
}

function connect(place: Place): Knex {
  return 'url' in place
    ? knex({ client: 'pg', connection: place.url, pool: { min: 0, max: POOL } })
    : knex({ client: LibsqlClient, connection: { filename: place.file }, useNullAsDefault: true });
}

/** Classes of their own, so that those of one test keep no hooks of another. */
function define(db: Knex): { Notification: typeof Notification; User: typeof User } {
  class OwnNotification extends Notification {}
  class OwnUser extends User {
    static override relationMappings = {
      notifications: {
        relation: Model.HasManyRelation,
        modelClass: OwnNotification,
        join: { from: 'users.id', to: 'notifications.user_id' },
      },
    };
  }
  OwnNotification.knex(db);
  OwnUser.knex(db);
  return { Notification: OwnNotification, User: OwnUser };
}

function writer(model: typeof Notification, trx?: Knex.Transaction): Writer {
  const find = (id: number) => model.query(trx).findById(id).throwIfNotFound();
  return {
    insert: async (row) => (await model.query(trx).insert(row)).id,
    update: async (id, values) => (await find(id)).$query(trx).patch(values),
    delete: async (id) => (await find(id)).$query(trx).delete(),
    nested: (work) => trx!.transaction((inner) => work(writer(model, inner))),
  };
}

adapterConformance('Objection', async ({ place, trigger, hook, bulk }) => {
  const db = connect(place);
  const { Notification, User } = define(db);
  if (hook === 'obvious') {
    Notification.afterUpdate = ({ items }: StaticHookArguments<Notification>) =>
      void trigger.push(keyOf((items[0] as Notification).userId));
  } else {
    pushAfterSave(
      trigger,
      on(Notification, (n) => keyOf(n.userId), { bulk }),
    );
  }
  return {
    ...writer(Notification),
    transaction: (work) => db.transaction((trx) => work(writer(Notification, trx))),
    ways: {
      'bulk insert': async ({ userId }) => {
        const rows = [
          { userId, text: 'a' },
          { userId, text: 'b' },
        ];
        // Objection inserts several rows at once into PostgreSQL only.
        return 'url' in place ? Notification.query().insert(rows) : Notification.query().insertGraph(rows);
      },
      'bulk update': async ({ userId }) =>
        Notification.query().patch({ read: true }).where('user_id', userId),
      'bulk delete': async ({ userId }) => Notification.query().delete().where('user_id', userId),
      upsert: async ({ id, userId }) =>
        Notification.query().insert({ id, userId, text: 'b' }).onConflict('id').merge(),
      'raw SQL': async ({ id }) => db.raw("update notifications set text = 'raw' where id = ?", [id]),
      cascade: async ({ userId }) => User.query().deleteById(userId),
    },
    close: () => db.destroy(),
  };
});

describe('Objection', () => {
  const stage = ormStage(databases.embedded);
  let db: Knex;
  let models: ReturnType<typeof define>;
  let changes: { row: Notification; change: Change<Notification> }[];

  beforeEach(() => {
    changes = [];
    db = connect(stage.database.place);
    models = define(db);
  });

  afterEach(() => db.destroy());

  const map = (model: typeof Notification) =>
    on(model, (row, change) => {
      changes.push({ row, change });
      return keyOf(row.userId);
    });
  const attach = () => pushAfterSave(stage.trigger, map(models.Notification));
  const insert = async (userId: number, trx?: TransactionOrKnex) =>
    models.Notification.query(trx).insert({ userId, text: 'a' });

  const pushed = () => stage.pushed();

  describe('transactions', () => {
    it('may be committed and rolled back by hand', async () => {
      attach();
      const kept = await db.transaction();
      await insert(1, kept);
      expect(await pushed()).toEqual([]);
      await kept.commit();
      expect(await pushed()).toEqual([[keyOf(1)]]);
      // Its promise resolves all the same, unless the rollback is given an error.
      const undone = await db.transaction();
      await insert(2, undone);
      await undone.rollback();
      await undone.executionPromise;
      expect(await pushed()).toEqual([]);
    });

    it('may be ended by functions that were taken before the first write', async () => {
      attach();
      await db.transaction((trx) => {
        const { commit, rollback } = trx;
        insert(1, trx).then(commit, rollback);
      });
      expect(await pushed()).toEqual([[keyOf(1)]]);
      const undone = db.transaction((trx) => {
        const { rollback } = trx;
        insert(2, trx).then(() => rollback(new Error('undo')));
      });
      await expect(undone).rejects.toThrow('undo');
      expect(await pushed()).toEqual([]);
    });

    it('may come from a provider, a model or Objection itself, and models may be bound to them', async () => {
      attach();
      const { Notification } = models;
      const provide = db.transactionProvider();
      await insert(1, await provide());
      expect(await pushed()).toEqual([]);
      await (await provide()).commit();
      expect(await pushed()).toEqual([[keyOf(1)]]);

      await Notification.transaction((trx) => insert(2, trx));
      expect(await pushed()).toEqual([[keyOf(2)]]);

      await transaction(Notification, async (Bound) => {
        await Bound.query().insert({ userId: 3, text: 'a' });
        expect(await pushed()).toEqual([]);
      });
      expect(await pushed()).toEqual([[keyOf(3)]]);

      const begun = await Notification.startTransaction();
      const row = await Notification.bindTransaction(begun).query().insert({ userId: 1, text: 'a' });
      await row.$query().patch({ text: 'b' });
      expect(await pushed()).toEqual([]);
      await begun.commit();
      expect(await pushed()).toEqual([[keyOf(1)]]);
    });

    it('push what was written in an inner one that nobody ended', async () => {
      attach();
      const outer = await db.transaction();
      await insert(1, await outer.transaction());
      expect(await pushed()).toEqual([]);
      await outer.commit();
      expect(await pushed()).toEqual([[keyOf(1)]]);
      const undone = await db.transaction();
      await insert(2, await undone.transaction());
      await undone.rollback();
      expect(await pushed()).toEqual([]);
    });

    it('end without a statement of theirs with some databases, and may have others in them that were undone', async () => {
      const silent = knex({
        client: SilentLibsqlClient,
        connection: { filename: (stage.database.place as { file: string }).file },
        useNullAsDefault: true,
      });
      try {
        const { Notification } = define(silent);
        pushAfterSave(stage.trigger, map(Notification));
        const write = (userId: number, trx: Knex.Transaction) =>
          Notification.query(trx).insert({ userId, text: 'a' });
        const undo = async (outer: Knex.Transaction) => {
          const undone = outer.transaction(async (inner) => {
            await write(3, inner);
            throw new Error('undo');
          });
          await expect(undone).rejects.toThrow('undo');
        };
        await silent.transaction(async (outer) => {
          await write(1, outer);
          await outer.transaction(async (middle) => {
            await write(2, middle);
            await undo(middle);
          });
          await undo(outer);
        });
        expect(await pushed()).toEqual([[keyOf(1), keyOf(2)]]);
        await silent.transaction((outer) => {
          const { commit, rollback } = outer; // before the first write
          write(1, outer)
            .then(() => undo(outer))
            .then(() => commit(), rollback);
        });
        expect(await pushed()).toEqual([[keyOf(1)]]);
        const undone = silent.transaction(async (outer) => {
          await write(3, outer);
          throw new Error('undo');
        });
        await expect(undone).rejects.toThrow('undo');
        const byHand = await silent.transaction();
        await write(3, byHand);
        await byHand.rollback();
        expect(await pushed()).toEqual([]);
      } finally {
        await silent.destroy();
      }
    });

    it('push again a while after a COMMIT whose outcome is unknown', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        attach();
        const trx = await db.transaction();
        await insert(1, trx);
        const query = trx.client._query.bind(trx.client);
        vi.spyOn(trx.client, '_query').mockImplementationOnce(async (...args) => {
          await query(...args);
          throw new Error('the connection was lost');
        });
        await trx.commit();
        await expect(trx.executionPromise).rejects.toThrow('the connection was lost');
        expect(await pushed()).toEqual([[keyOf(1)]]);
        await vi.advanceTimersByTimeAsync(5000);
        expect(await pushed()).toEqual([[keyOf(1)]]);
      } finally {
        vi.useRealTimers();
      }
    });
  });

  describe('rows', () => {
    it('come with what happened to them', async () => {
      attach();
      const row = await insert(1);
      const read = await models.Notification.query().findById(row.id).throwIfNotFound();
      await read.$query().patch({ userId: 2, text: 'b' });
      await read.$query().delete();
      expect(changes.map(({ row, change }) => ({ ...row, ...change }))).toMatchObject([
        { kind: 'insert', userId: 1, before: undefined },
        { kind: 'update', userId: 2, text: 'b', id: row.id, read: 0 },
        { kind: 'delete', userId: 2, before: undefined },
      ]);
      expect(changes.every((change) => change.row instanceof models.Notification)).toBe(true);
    });

    it('come with those before an update of an instance', async () => {
      const before: unknown[] = [];
      pushAfterSave(
        stage.trigger,
        on(models.Notification, (_, change) => {
          before.push(change.before?.userId);
          return null;
        }),
      );
      const row = await insert(1);
      await row.$query().patch({ userId: 2 });
      expect(before).toEqual([undefined, 1]);
    });

    it('are told by patchAndFetch and its like, which read them', async () => {
      const told: unknown[] = [];
      pushAfterSave(
        stage.trigger,
        on(models.Notification, ({ userId, text }) => {
          told.push([userId, text]);
          return null;
        }),
      );
      const { Notification, User } = models;
      const { id } = await insert(1);
      await Notification.query().patchAndFetchById(id, { text: 'b' });
      const row = await Notification.query().updateAndFetchById(id, { text: 'c', userId: 2, read: false });
      await row.$query().patchAndFetch({ text: 'd' });
      await User.relatedQuery('notifications').for(2).patchAndFetchById(id, { text: 'e' });
      expect(told).toEqual([
        [1, 'a'],
        [1, 'b'],
        [2, 'c'],
        [2, 'd'],
        [2, 'e'],
      ]);
      expect(stage.errors).toEqual([]);
    });

    it.each(Object.entries(databases))(
      'are told by returning, in one push, on %s',
      async (name, openDatabase) => {
        await using own = await openDatabase();
        for (const userId of [1, 2]) await own.add(userId);
        const db = connect(own.place);
        try {
          const { Notification } = define(db);
          pushAfterSave(stage.trigger, map(Notification));
          await Notification.query().patch({ text: 'b' }).whereIn('user_id', [1, 2]).returning('*');
          expect(await pushed()).toEqual([[keyOf(1), keyOf(2)]]);
          await Notification.query().delete().where('text', 'b').returning('*');
          // Knex leaves it out for SQLite.
          if (name === 'PostgreSQL') expect(await pushed()).toEqual([[keyOf(1), keyOf(2)]]);
          else expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
        } finally {
          await db.destroy();
        }
      },
    );

    it('are unknown when the mapping reads what was not selected, in whatever way', async () => {
      class Note extends Notification {
        get key() {
          return keyOf(this.userId);
        }
      }
      Note.knex(db);
      const told: string[] = [];
      const bulk = ({ kind }: BulkChange) => void told.push(kind);
      pushAfterSave(
        stage.trigger,
        on(Note, (n) => n.key, { bulk }),
        on(models.Notification, (n) => keyOf(n.userId), { bulk }),
      );
      const { id } = await stage.database.add(1);
      for (const model of [Note, models.Notification]) {
        const part = await model.query().select('id', 'text').findById(id).throwIfNotFound();
        await part.$query().patch({ text: 'b' });
        await model.fromJson({ id }).$query().patch({ text: 'c' });
        await model.query().upsertGraph({ id, text: 'd' });
        await model.query().patch({ text: 'e' }).where({ id }).returning('id');
        await model.query().findById(id).patch({ text: 'f' }).returning(['id', 'text']);
        expect(told.splice(0)).toEqual(Array.from({ length: 5 }, () => 'update'));
      }
      expect(await pushed()).toEqual([]);
      expect(stage.errors).toEqual([]);
    });

    it.each(Object.entries(databases))(
      'are those that are stored when an upsert sets some of the values, or unknown, on %s',
      async (name, openDatabase) => {
        await using own = await openDatabase();
        for (const userId of [1, 2, 3]) await own.add(userId);
        const db = connect(own.place);
        try {
          const { Notification } = define(db);
          pushAfterSave(stage.trigger, map(Notification));
          const { id } = await own.add(1);
          const upsert = (userId: number) =>
            Notification.query().insert({ id, userId, text: 'b' }).onConflict('id');
          await upsert(2).merge(['text']);
          await upsert(3).merge({ text: 'c' });
          expect(await pushed()).toEqual([]);
          expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
          if (name === 'PostgreSQL') {
            await upsert(3).merge(['text']).returning('*');
            expect(await pushed()).toEqual([[keyOf(1)]]);
          }
          expect(await own.userOf(id)).toBe(1);
          await upsert(3).merge();
          expect(await own.userOf(id)).toBe(3);
          expect(await pushed()).toEqual([[keyOf(3)]]);
        } finally {
          await db.destroy();
        }
      },
    );

    it('are none when a condition matches none', async () => {
      attach();
      await models.Notification.query().patch({ text: 'b' }).where('user_id', 9);
      await models.Notification.query().delete().where('user_id', 9);
      expect(await pushed()).toEqual([]);
      expect(stage.errors).toEqual([]);
    });

    it('are told of a relation when they are inserted, and are not its owners', async () => {
      attach();
      const user = await models.User.query().findById(1).throwIfNotFound();
      await user.$relatedQuery('notifications').insert({ text: 'a' });
      expect(await pushed()).toEqual([[keyOf(1)]]);
      await user.$relatedQuery('notifications').patch({ text: 'b' });
      await user.$relatedQuery('notifications').delete();
      expect(await pushed()).toEqual([]);
      expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
    });

    it('are not taken for the owner when a model is related to itself', async () => {
      class Thread extends Notification {
        static override relationMappings = {
          replies: {
            relation: Model.HasManyRelation,
            modelClass: Thread,
            join: { from: 'notifications.id', to: 'notifications.user_id' },
          },
        };
      }
      Thread.knex(db);
      pushAfterSave(stage.trigger, map(Thread));
      await insert(1);
      const thread = Thread.fromJson({ id: 1, text: 'a' });
      await thread.$relatedQuery('replies').patch({ text: 'b' });
      expect(changes).toEqual([]);
      expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
    });

    it('are those of graphs', async () => {
      attach();
      const { User } = models;
      const user = await User.query().insertGraph({ id: 12, notifications: [{ text: 'a' }, { text: 'b' }] });
      expect(new Set((await pushed()).flat())).toEqual(new Set([keyOf(12)]));
      const [first, second] = user.notifications;
      await User.query().upsertGraph({ id: 12, notifications: [{ id: first!.id, text: 'c' }] });
      expect(await pushed()).toEqual([[keyOf(12)]]);
      // It does not tell which rows it deletes.
      expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
      expect(await stage.database.textOf(first!.id)).toBe('c');
      expect(await stage.database.textOf(second!.id)).toBeUndefined();
    });

    it('are not told by relate, which is an update by a condition', async () => {
      const { id } = await insert(1);
      attach();
      await models.User.relatedQuery('notifications').for(2).relate(id);
      expect(await pushed()).toEqual([]);
      expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
    });

    it('are not those of other models', async () => {
      attach();
      await models.User.query().insert({ id: 10 });
      await models.User.query().deleteById(10);
      expect(await pushed()).toEqual([]);
      expect(stage.errors).toEqual([]);
    });
  });

  describe('hooks of the application', () => {
    it('stay, and may change what a query gives', async () => {
      class Own extends Notification {
        static override afterInsert = () => 'changed';
      }
      Own.knex(db);
      pushAfterSave(stage.trigger, map(Own));
      expect(await Own.query().insert({ userId: 1, text: 'a' })).toBe('changed');
      expect(await pushed()).toEqual([[keyOf(1)]]);
    });

    it('may throw when the row is written', async () => {
      class Own extends Notification {
        static override async afterInsert() {
          throw new Error('the mail was not sent');
        }
      }
      Own.knex(db);
      pushAfterSave(stage.trigger, map(Own));
      await expect(Own.query().insert({ userId: 1, text: 'a' })).rejects.toThrow('the mail was not sent');
      expect(await pushed()).toEqual([[keyOf(1)]]);
    });

    it('may be those of classes that extend the mapped one, with and without it', async () => {
      class Deaf extends models.Notification {
        static override async afterInsert() {}
      }
      class Deafer extends Deaf {}
      class Polite extends models.Notification {
        static override async afterInsert(args: StaticHookArguments<Notification>) {
          return models.Notification.afterInsert(args);
        }
      }
      attach();
      await Deafer.query().insert({ userId: 1, text: 'a' });
      await Deaf.query().insert({ userId: 2, text: 'a' });
      expect(await pushed()).toEqual([[keyOf(1)], [keyOf(2)]]);
      await Polite.query().insert({ userId: 3, text: 'a' });
      expect(await pushed()).toEqual([[keyOf(3)]]);
      expect(changes).toHaveLength(3);
    });

    it('may be others of this package, without growing with the queries', async () => {
      attach();
      attach();
      const { afterInsert } = models.Notification;
      await insert(1);
      await insert(1);
      expect(changes).toHaveLength(4);
      expect(models.Notification.afterInsert).toBe(afterInsert);
    });
  });

  it('is not needed for Knex alone, which has no hooks: pushAfter goes around the transaction', async () => {
    await stage.trigger.pushAfter(() =>
      db.transaction(async (trx) => {
        await trx('notifications').insert({ user_id: 1, text: 'a' });
        stage.trigger.push('notifications:1');
        expect(stage.store.writes).toEqual([]);
      }),
    );
    expect(await pushed()).toEqual([[keyOf(1)]]);
  });
});
