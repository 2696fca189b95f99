import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type ModelStatic,
  type NonAttribute,
  Op,
  Sequelize,
  type Transaction,
} from 'sequelize';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type BulkChange, type Change, on, pushAfterSave } from '../../src/orm/sequelize.ts';
import { adapterConformance, keyOf, POOL } from './conformance.ts';
import { databases, type Place } from './database.ts';
import { ormStage } from './orm-stage.ts';
import type { OrmUnderTest, Setting, Writer } from './orm-under-test.ts';
import * as sqlite3 from './sqlite3-over-libsql.ts';

class Notification extends Model<InferAttributes<Notification>, InferCreationAttributes<Notification>> {
  declare id: CreationOptional<number>;
  declare userId: number;
  declare text: string;
  declare read: CreationOptional<boolean>;
  declare deletedAt: CreationOptional<Date | null>;
}

class User extends Model<InferAttributes<User>, InferCreationAttributes<User>> {
  declare id: number;
  declare notifications: NonAttribute<Notification[]>;
}

function connect(place: Place): Sequelize {
  const options = { logging: false, pool: { max: POOL } } as const;
  return 'url' in place
    ? new Sequelize(place.url, options)
    : new Sequelize({ ...options, dialect: 'sqlite', storage: place.file, dialectModule: sqlite3 });
}

const columns = {
  id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
  userId: { type: DataTypes.INTEGER, allowNull: false },
  text: { type: DataTypes.TEXT, allowNull: false },
  read: { type: DataTypes.BOOLEAN, allowNull: false, defaultValue: false },
  deletedAt: DataTypes.DATE,
};
const table = {
  tableName: 'notifications',
  underscored: true,
  paranoid: true,
  createdAt: false,
  updatedAt: false,
} as const;

/** Classes of their own, since a class belongs to one Sequelize. */
function define(sequelize: Sequelize): { Notification: typeof Notification; User: typeof User } {
  class OwnNotification extends Notification {}
  class OwnUser extends User {}
  OwnNotification.init(columns, { ...table, sequelize, modelName: 'Notification' });
  OwnUser.init(
    { id: { type: DataTypes.INTEGER, primaryKey: true } },
    { sequelize, modelName: 'User', tableName: 'users', timestamps: false },
  );
  return { Notification: OwnNotification, User: OwnUser };
}

function writer(model: typeof Notification, transaction: Transaction | null = null): Writer {
  const find = (id: number) => model.findByPk(id, { transaction, rejectOnEmpty: true });
  return {
    insert: async (row) => (await model.create(row, { transaction })).id,
    update: async (id, values) => (await find(id)).update(values, { transaction }),
    delete: async (id) => (await find(id)).destroy({ force: true, transaction }),
    nested: (work) => model.sequelize!.transaction({ transaction }, (inner) => work(writer(model, inner))),
  };
}

async function open({ place, trigger, hook, bulk }: Setting): Promise<OrmUnderTest> {
  const sequelize = connect(place);
  const { Notification, User } = define(sequelize);
  if (hook === 'obvious') {
    sequelize.addHook('afterSave', (row) => void trigger.push(keyOf((row as Notification).userId)));
  } else {
    pushAfterSave(
      trigger,
      on(Notification, (n) => keyOf(n.userId), { bulk }),
    )(sequelize);
  }
  return {
    ...writer(Notification),
    transaction: (work) => sequelize.transaction((inside) => work(writer(Notification, inside))),
    ways: {
      'bulk insert': ({ userId }) =>
        Notification.bulkCreate([
          { userId, text: 'a' },
          { userId, text: 'b' },
        ]),
      'bulk update': ({ userId }) => Notification.update({ read: true }, { where: { userId } }),
      'bulk delete': ({ userId }) => Notification.destroy({ where: { userId }, force: true }),
      upsert: ({ id, userId }) => Notification.upsert({ id, userId, text: 'b' }),
      'soft delete': async ({ id }) => (await Notification.findByPk(id))!.destroy(),
      'raw SQL': ({ id }) => sequelize.query(`update notifications set text = 'raw' where id = ${id}`),
      cascade: ({ userId }) => User.destroy({ where: { id: userId } }),
    },
    close: () => sequelize.close(),
  };
}

adapterConformance('Sequelize', open, { nestsDeeply: false });

describe('Sequelize', () => {
  const stage = ormStage(databases.embedded);
  let sequelize: Sequelize;
  let models: ReturnType<typeof define>;
  let changes: { userId: number; change: Change<Notification> }[];

  beforeEach(() => {
    changes = [];
    sequelize = connect(stage.database.place);
    models = define(sequelize);
  });

  afterEach(() => sequelize.close());

  const map = (model: ModelStatic<Notification>) =>
    on(model, (n, change) => {
      changes.push({ userId: n.userId, change });
      return keyOf(n.userId);
    });
  const attach = () => pushAfterSave(stage.trigger, map(models.Notification))(sequelize);

  const pushed = () => stage.pushed();

  describe('transactions', () => {
    it('may be committed and rolled back by hand', async () => {
      attach();
      const kept = await sequelize.transaction();
      await models.Notification.create({ userId: 1, text: 'a' }, { transaction: kept });
      expect(await pushed()).toEqual([]);
      await kept.commit();
      expect(await pushed()).toEqual([[keyOf(1)]]);
      const undone = await sequelize.transaction();
      await models.Notification.create({ userId: 2, text: 'a' }, { transaction: undone });
      await undone.rollback();
      expect(await pushed()).toEqual([]);
    });

    it('push after findOrCreate, which begins one of its own', async () => {
      attach();
      await models.Notification.findOrCreate({ where: { userId: 1 }, defaults: { userId: 1, text: 'a' } });
      expect(await pushed()).toEqual([[keyOf(1)]]);
    });

    it('push what findOrCreate wrote in a savepoint that it never ends', async () => {
      attach();
      const create = (userId: number, transaction: Transaction) =>
        models.Notification.findOrCreate({ where: { userId }, defaults: { userId, text: 'a' }, transaction });
      await sequelize.transaction(async (transaction) => {
        await create(1, transaction);
        await models.Notification.create({ userId: 2, text: 'a' }, { transaction });
        expect(await pushed()).toEqual([]);
      });
      expect((await pushed()).flat().sort()).toEqual([keyOf(1), keyOf(2)]);
      const undone = sequelize.transaction(async (transaction) => {
        await create(3, transaction);
        throw new Error('undo');
      });
      await expect(undone).rejects.toThrow('undo');
      expect(await pushed()).toEqual([]);
    });

    it('push what stays of a savepoint that Sequelize does not roll back whole', async () => {
      attach();
      const { Notification } = models;
      await sequelize.transaction(async (transaction) => {
        const undone = sequelize.transaction({ transaction }, async (middle) => {
          await Notification.create({ userId: 1, text: 'stays' }, { transaction: middle });
          await sequelize.transaction({ transaction: middle }, (inner) =>
            Notification.create({ userId: 2, text: 'goes' }, { transaction: inner }),
          );
          throw new Error('undo');
        });
        await expect(undone).rejects.toThrow('undo');
      });
      // Should this fail, Sequelize has learnt it, and the adapter need not care any more.
      expect((await Notification.findAll()).map(({ userId }) => userId)).toEqual([1]);
      expect((await pushed()).flat()).toContain(keyOf(1));
    });

    it('may come from the context (CLS)', async () => {
      const current = new AsyncLocalStorage<Map<string, unknown>>();
      Sequelize.useCLS({
        bind: (work: unknown) => work,
        run: (work: (context: unknown) => unknown) => {
          const context = new Map(current.getStore());
          return current.run(context, work, context);
        },
        get: (name: string) => current.getStore()?.get(name),
        set: (name: string, value: unknown) => current.getStore()?.set(name, value),
      });
      try {
        attach();
        await sequelize.transaction(async () => {
          await models.Notification.create({ userId: 1, text: 'a' });
          expect(await pushed()).toEqual([]);
        });
        expect(await pushed()).toEqual([[keyOf(1)]]);
        const undone = sequelize.transaction(async () => {
          await models.Notification.create({ userId: 2, text: 'a' });
          throw new Error('undo');
        });
        await expect(undone).rejects.toThrow('undo');
        expect(await pushed()).toEqual([]);
      } finally {
        // There is no call for it, and it is one for all.
        Reflect.deleteProperty(Sequelize, '_cls');
      }
    });

    it('do not wait with the push for what the application does after a commit, which may fail', async () => {
      attach();
      const failing = sequelize.transaction(async (transaction) => {
        transaction.afterCommit(async () => {
          expect(await pushed()).toEqual([[keyOf(1)]]);
          throw new Error('the mail was not sent');
        });
        await models.Notification.create({ userId: 1, text: 'a' }, { transaction });
      });
      await expect(failing).rejects.toThrow('the mail was not sent');
      expect(await pushed()).toEqual([]);
    });
  });

  describe('bulk writes', () => {
    it('are pushed at once', async () => {
      attach();
      await models.Notification.bulkCreate([
        { userId: 1, text: 'a' },
        { userId: 2, text: 'b' },
        { userId: 1, text: 'c' },
      ]);
      expect(await pushed()).toEqual([[keyOf(1), keyOf(2)]]);
    });

    it('tell their rows with individualHooks, and once only', async () => {
      attach();
      const { Notification } = models;
      await sequelize.transaction(async (transaction) => {
        const options = { individualHooks: true, transaction };
        await Notification.bulkCreate([{ userId: 1, text: 'a' }], options);
        await Notification.update({ text: 'b' }, { ...options, where: { userId: 1 } });
        await Notification.destroy({ ...options, where: { userId: 1 } });
        await Notification.restore({ ...options, where: { userId: 1 } });
      });
      expect(changes.map(({ change }) => change.kind)).toEqual(['insert', 'update', 'delete', 'insert']);
      expect(changes[1]!.change.before).toMatchObject({ userId: 1, text: 'a' });
      expect(await pushed()).toEqual([[keyOf(1)]]);
      expect(stage.errors).toEqual([]);
    });

    it('tell the condition where they do not tell the rows', async () => {
      const told: unknown[] = [];
      const bulk = (change: unknown) => {
        told.push(change);
        return null;
      };
      pushAfterSave(
        stage.trigger,
        on(models.Notification, () => null, { bulk }),
      )(sequelize);
      await models.Notification.update(
        { read: true },
        { where: { userId: { [Op.gt]: 1 } }, paranoid: false },
      );
      await models.Notification.destroy({ where: { text: 'a' } });
      await models.Notification.restore({ where: { text: 'a' } });
      await models.Notification.destroy({ truncate: true, force: true });
      expect(told).toEqual([
        { kind: 'update', where: { user_id: { [Op.gt]: 1 } } },
        { kind: 'delete', where: { text: 'a' } },
        { kind: 'insert', where: { text: 'a' } },
        { kind: 'delete', where: undefined },
      ]);
    });
  });

  describe('rows', () => {
    it('come with what happened to them', async () => {
      attach();
      const row = await models.Notification.create({ userId: 1, text: 'a' });
      await row.update({ userId: 2, text: 'b' });
      await row.destroy();
      await row.restore();
      expect(changes).toMatchObject([
        { userId: 1, change: { kind: 'insert', before: undefined } },
        { userId: 2, change: { kind: 'update', before: { id: row.id, userId: 1, text: 'a', read: false } } },
        { userId: 2, change: { kind: 'delete', before: undefined } },
        { userId: 2, change: { kind: 'insert', before: undefined } },
      ]);
    });

    it('are those of a class that extends the mapped one as well', async () => {
      class Urgent extends models.Notification {}
      Urgent.init(columns, { ...table, sequelize });
      attach();
      await Urgent.create({ userId: 1, text: 'a' });
      expect(await pushed()).toEqual([[keyOf(1)]]);
      await Urgent.unscoped().update({ read: true }, { where: { userId: 1 } });
      expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
    });

    it('are not those of other models', async () => {
      attach();
      await models.User.create({ id: 10 });
      await models.User.destroy({ where: { id: 10 } });
      expect(await pushed()).toEqual([]);
      expect(stage.errors).toEqual([]);
    });

    it('are unknown when the mapping reads what was not loaded, in whatever way', async () => {
      const told: unknown[] = [];
      const { Notification } = models;
      const bulk = ({ kind }: BulkChange) => void told.push(kind);
      const ways: ((n: Notification) => unknown)[] = [
        (n) => n.userId,
        (n) => n.get('userId'),
        (n) => n.getDataValue('userId'),
        (n) => n.dataValues.userId,
      ];
      for (const way of ways) {
        pushAfterSave(
          stage.trigger,
          on(Notification, (n) => `${way(n)}:${n.text}`, { bulk }),
        )(sequelize);
      }
      const { id } = await stage.database.add(1);
      const part = await Notification.findByPk(id, { attributes: ['id', 'text'], rejectOnEmpty: true });
      await part.update({ text: 'b' });
      const built = Notification.build({ id } as Notification, { isNewRecord: false });
      await built.set('text', 'c').save();
      await part.destroy();
      expect(told).toEqual(['update', 'update', 'delete'].flatMap((kind) => ways.map(() => kind)));
      expect(await pushed()).toEqual([]);
    });

    it.each(Object.entries(databases))(
      'are those that are stored when an upsert sets some of the values, or unknown, on %s',
      async (name, openDatabase) => {
        await using own = await openDatabase();
        for (const userId of [1, 2, 3]) await own.add(userId);
        const sequelize = connect(own.place);
        try {
          const { Notification } = define(sequelize);
          pushAfterSave(stage.trigger, map(Notification))(sequelize);
          const { id } = await own.add(1);
          await Notification.bulkCreate([{ id, userId: 2, text: 'b' }], { updateOnDuplicate: ['text'] });
          await Notification.upsert({ id, userId: 3, text: 'c' }, { fields: ['text'] });
          expect(await own.userOf(id)).toBe(1);
          // PostgreSQL answers with the row.
          if (name === 'PostgreSQL') expect(await pushed()).toEqual([[keyOf(1)], [keyOf(1)]]);
          else expect(await pushed()).toEqual([]);
          expect(stage.errors.length).toBe(name === 'PostgreSQL' ? 0 : 1);
          const all = ['userId', 'text'] as const;
          await Notification.bulkCreate([{ id, userId: 2, text: 'd' }], { updateOnDuplicate: [...all] });
          await Notification.upsert({ id, userId: 3, text: 'e' });
          expect(await pushed()).toEqual([[keyOf(2)], [keyOf(3)]]);
        } finally {
          await sequelize.close();
        }
      },
    );

    it('are saved when they cannot be read', async () => {
      attach();
      const row = await models.Notification.create({ userId: 1, text: 'a' });
      await pushed();
      vi.spyOn(row, 'previous').mockImplementation(() => {
        throw new Error('unreadable');
      });
      await row.update({ text: 'b' });
      expect(await stage.database.textOf(row.id)).toBe('b');
      expect(stage.errors).toMatchObject([{ code: 'rows_unknown', cause: { message: 'unreadable' } }]);
    });

    it('are told without those before of an upsert, also where the database says that it was an update', async () => {
      attach();
      const upsert = vi.spyOn(sequelize.getQueryInterface(), 'upsert');
      // As MySQL answers.
      upsert.mockImplementation(async (...[, , , , options]) => [
        (options as { instance: object }).instance,
        false,
      ]);
      await models.Notification.upsert({ id: 1, userId: 1, text: 'a' });
      expect(changes).toEqual([{ userId: 1, change: { kind: 'update', before: undefined } }]);
    });

    it('are told of a cascade that Sequelize carries out itself', async () => {
      attach();
      const { Notification, User } = models;
      User.hasMany(Notification, {
        foreignKey: 'userId',
        as: 'notifications',
        onDelete: 'cascade',
        hooks: true,
      });
      const user = await User.create({ id: 11 });
      await Notification.create({ userId: 11, text: 'a' });
      expect(await pushed()).toEqual([[keyOf(11)]]);
      await user.destroy();
      expect(await pushed()).toEqual([[keyOf(11)]]);
    });

    it('are not told by increment, which has no hooks', async () => {
      attach();
      const row = await models.Notification.create({ userId: 1, text: 'a' });
      await pushed();
      await row.increment('userId');
      expect(await pushed()).toEqual([]);
    });
  });

  it('may be hooked before its models are there, and leaves the hooks of the application alone', async () => {
    class Later extends Notification {}
    pushAfterSave(stage.trigger, map(Later))(sequelize);
    const calls: string[] = [];
    const hooks = { afterCreate: () => void calls.push('model') };
    Later.init(columns, { ...table, sequelize, hooks });
    sequelize.addHook('afterCreate', () => void calls.push('sequelize'));
    await Later.create({ userId: 1, text: 'a' });
    expect(calls).toEqual(['model', 'sequelize']);
    expect(await pushed()).toEqual([[keyOf(1)]]);
  });

  it('keeps a push back when a hook of the model throws before', async () => {
    models.Notification.addHook('afterCreate', () => {
      throw new Error('the mail was not sent');
    });
    attach();
    await expect(models.Notification.create({ userId: 1, text: 'a' })).rejects.toThrow(
      'the mail was not sent',
    );
    expect(await pushed()).toEqual([]);
  });

  it('may be hooked into every Sequelize that will be made', async () => {
    Sequelize.afterInit('sse-trigger', pushAfterSave(stage.trigger, map(Notification)));
    const later = connect(stage.database.place);
    try {
      await define(later).Notification.create({ userId: 1, text: 'a' });
      expect(await pushed()).toEqual([[keyOf(1)]]);
    } finally {
      Sequelize.removeHook('afterInit', 'sse-trigger');
      await later.close();
    }
  });

  it('pushes again a while after a COMMIT whose outcome is unknown', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      attach();
      vi.spyOn(console, 'warn').mockReturnValue();
      const transaction = await sequelize.transaction();
      await models.Notification.create({ userId: 1, text: 'a' }, { transaction });
      const query: typeof sequelize.query = sequelize.query.bind(sequelize);
      vi.spyOn(sequelize, 'query').mockImplementationOnce(async (...args: Parameters<typeof query>) => {
        await query(...args);
        throw new Error('the connection was lost');
      });
      await expect(transaction.commit()).rejects.toThrow('the connection was lost');
      expect(await pushed()).toEqual([[keyOf(1)]]);
      await vi.advanceTimersByTimeAsync(5000);
      expect(await pushed()).toEqual([[keyOf(1)]]);
    } finally {
      vi.useRealTimers();
      vi.restoreAllMocks();
    }
  });
});
