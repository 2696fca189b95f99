import Sqlite from 'libsql';
import {
  DataSource,
  type DataSourceOptions,
  type EntityManager,
  EntitySchema,
  type EntitySubscriberInterface,
  type UpdateEvent,
} from 'typeorm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SseTrigger } from '../../src/index.ts';
import { type BulkChange, on, pushAfterSave } from '../../src/orm/typeorm.ts';
import { RecordingStore } from '../support/recording-store.ts';
import { adapterConformance, keyOf, POOL } from './conformance.ts';
import { databases, type Place } from './database.ts';
import { openLossyProxy } from './lossy-proxy.ts';
import type { OrmUnderTest, Setting, Writer } from './orm-under-test.ts';
import { recordedChanges } from './recorded-changes.ts';
import {
  Notification,
  NotificationSchema,
  NumberedNotification,
  NumberedNotificationSchema,
  Post,
  PostSchema,
  Thread,
  ThreadSchema,
  User,
  UserSchema,
} from './typeorm-entities.ts';

adapterConformance('TypeORM', open);

async function open({ place, trigger, hook, bulk }: Setting): Promise<OrmUnderTest> {
  const dataSource = await connect(place, {
    entities: [UserSchema, NotificationSchema, NumberedNotificationSchema],
  });
  const mappings = [Notification, NumberedNotification].map((entity) =>
    on<Notification | NumberedNotification, string>(entity, (n) => keyOf(n.userId), { bulk }),
  );
  dataSource.subscribers.push(
    hook === 'adapter' ? pushAfterSave(trigger, ...mappings) : obviousHook(trigger),
  );
  const { manager } = dataSource;
  return {
    ...writerOf(manager),
    transaction: (work) => manager.transaction((inner) => work(writerOf(inner))),
    ways: {
      'bulk insert': ({ userId }) => manager.insert(Notification, [textOf(userId, 'a'), textOf(userId, 'b')]),
      'bulk update': ({ userId }) => manager.update(Notification, { userId }, { text: 'all' }),
      'bulk delete': ({ userId }) => manager.delete(Notification, { userId }),
      upsert: (row) => manager.upsert(NumberedNotification, { ...row, text: 'again' }, ['id']),
      'soft delete': async ({ id }) =>
        manager.softRemove(await manager.findOneByOrFail(Notification, { id })),
      'raw SQL': ({ id }) => manager.query(`update notifications set text = 'raw' where id = ${id}`),
      cascade: ({ userId }) => manager.delete(User, { id: userId }),
    },
    close: () => dataSource.destroy(),
  };
}

function writerOf(manager: EntityManager): Writer {
  return {
    insert: async (row) => (await manager.save(Notification, row)).id,
    // Nothing but what changes, as it comes from a form.
    update: (id, values) => manager.save(Notification, { id, ...values }),
    delete: async (id) => manager.remove(await manager.findOneByOrFail(Notification, { id })),
    nested: (work) => manager.transaction((inner) => work(writerOf(inner))),
  };
}

function textOf(userId: number, text: string) {
  return { userId, text };
}

function obviousHook(trigger: SseTrigger): EntitySubscriberInterface<Notification> {
  return {
    afterUpdate({ databaseEntity }: UpdateEvent<Notification>) {
      trigger.push(keyOf(databaseEntity.userId));
    },
  };
}

/** With a pool, or on the one connection that TypeORM has to an embedded database. */
function connect(place: Place, options: Partial<DataSourceOptions> = {}): Promise<DataSource> {
  const where =
    'url' in place
      ? { type: 'postgres', url: place.url, poolSize: POOL }
      : // As an API, libsql is better-sqlite3, which would have to be compiled.
        { type: 'better-sqlite3', database: place.file, driver: Sqlite };
  const dataSource = new DataSource({
    ...where,
    entities: [UserSchema, NotificationSchema],
    ...options,
  } as DataSourceOptions);
  return dataSource.initialize();
}

describe('a mapping for TypeORM', () => {
  let dataSource: DataSource;
  let trigger: SseTrigger;

  afterEach(async () => {
    await dataSource.destroy();
    await trigger.close();
  });

  async function start(options: Partial<DataSourceOptions> = {}) {
    trigger = new SseTrigger({ store: new RecordingStore() });
    dataSource = await connect({ file: ':memory:' }, { synchronize: true, ...options });
  }

  it('gets the row, what happened to it, and what it was before an update', async () => {
    await start();
    const { toKeys, bulk, take } = recordedChanges();
    dataSource.subscribers.push(pushAfterSave(trigger, on(Notification, toKeys, { bulk })));
    const { manager } = dataSource;
    await manager.save(User, { id: 1 });
    const { id } = await manager.save(Notification, { userId: 1, text: 'a' });
    expect(take()).toEqual([{ kind: 'insert', text: 'a' }]);
    await manager.save(Notification, { id, text: 'b', userId: undefined as never });
    expect(take()).toEqual([{ kind: 'update', text: 'b', before: 'a' }]);
    await manager.save(Notification, { id, read: true }, { transaction: false });
    expect(take()).toEqual([{ kind: 'update', text: 'b', before: 'b' }]);
    const notification = await manager.findOneByOrFail(Notification, { id });
    await manager.softRemove(notification);
    expect(take()).toEqual([{ kind: 'delete', text: 'b' }]);
    await manager.recover(notification);
    expect(take()).toEqual([{ kind: 'insert', text: 'b' }]);
    notification.text = 'never saved';
    await manager.remove(notification);
    expect(take()).toEqual([{ kind: 'delete', text: 'b' }]);
  });

  it('gets a nullable column as it is stored when a save leaves it out, and null when it saves that', async () => {
    class Task {
      declare id: number;
      declare text: string;
      declare assigneeId: number | null;
      declare assignee: User | null;
    }
    const tasks = new EntitySchema<Task>({
      name: 'Task',
      target: Task,
      columns: {
        id: { type: 'int', primary: true },
        text: { type: 'text' },
        assigneeId: { type: 'int', nullable: true },
      },
      relations: {
        assignee: { type: 'many-to-one', target: () => User, joinColumn: { name: 'assigneeId' } },
      },
    });
    await start({ entities: [UserSchema, tasks] });
    const told: unknown[] = [];
    const tell = on(Task, (task) => void told.push(task.assigneeId));
    dataSource.subscribers.push(pushAfterSave(trigger, tell));
    const { manager } = dataSource;
    await manager.save(User, { id: 5 });
    await manager.save(Task, { id: 1, text: 'a', assigneeId: 5 });
    told.length = 0;
    await manager.save(Task, { id: 1, text: 'b' });
    // A text first: libsql takes a null that is the first parameter for an object with names.
    await manager.save(Task, { id: 1, text: 'c', assigneeId: null });
    await manager.save(Task, { id: 1, text: 'd' });
    await manager.save(Task, { id: 1, text: 'e', assignee: { id: 5 } });
    await manager.save(Task, { id: 1, text: 'f', assignee: null });
    expect(told).toEqual([5, null, null, 5, null]);
  });

  it('is told in bulk of rows when it reads what was not given, and the database was not asked for', async () => {
    class Page {
      declare id: number;
      declare room: string | null;
    }
    const pages = new EntitySchema<Page>({
      name: 'Page',
      target: Page,
      columns: { id: { type: 'int', primary: true }, room: { type: 'text', nullable: true } },
    });
    await start({ entities: [pages] });
    const told: unknown[] = [];
    const bulk = ({ kind }: BulkChange) => void told.push(kind);
    dataSource.subscribers.push(
      pushAfterSave(
        trigger,
        on(Page, (page) => void told.push(page.room), { bulk }),
      ),
    );
    const { manager } = dataSource;
    await manager.insert(Page, { id: 1 });
    await manager.upsert(Page, { id: 1 }, ['id']);
    await manager.insert(Page, { id: 4, room: () => "'a' || 'b'" });
    expect(told.splice(0)).toEqual(['insert', 'insert', 'insert']);
    await manager.insert(Page, { id: 2, room: 'a' });
    await manager.save(Page, { id: 3 });
    expect(told).toEqual(['a', null]);
  });

  it('gets what is embedded as it is stored, and is told in bulk when it reads what was not given of it', async () => {
    class Address {
      declare town: string | null;
      declare street: string;
    }
    class Person {
      declare id: number;
      declare name: string;
      declare address: Address;
    }
    const addresses = new EntitySchema<Address>({
      name: 'Address',
      target: Address,
      columns: { town: { type: 'text', nullable: true }, street: { type: 'text' } },
    });
    const people = new EntitySchema<Person>({
      name: 'Person',
      target: Person,
      columns: { id: { type: 'int', primary: true }, name: { type: 'text' } },
      embeddeds: { address: { schema: addresses, prefix: 'address_' } },
    });
    await start({ entities: [people] });
    const told: unknown[] = [];
    const bulk = ({ kind }: BulkChange) => void told.push(kind);
    const tell = on(
      Person,
      ({ name, address }) => void told.push([name, address.street, address.town, address instanceof Address]),
      { bulk },
    );
    dataSource.subscribers.push(pushAfterSave(trigger, tell));
    const { manager } = dataSource;
    const save = (person: object) => manager.save(Person, { id: 1, ...person });
    await save({ name: 'a', address: { street: 'b', town: 'c' } });
    told.length = 0;
    await save({ name: 'd' });
    await save({ address: { street: 'e' } });
    await save({ name: 'f', address: { town: null } });
    await save({ name: 'g' });
    expect(told.splice(0)).toEqual([
      ['d', 'b', 'c', true],
      ['d', 'e', 'c', true],
      ['f', 'e', null, true],
      ['g', 'e', null, true],
    ]);
    await manager.insert(Person, { id: 2, name: 'h', address: { street: 'i' } });
    await manager.insert(Person, { id: 3, name: 'j', address: { street: 'k', town: () => "'l' || 'm'" } });
    expect(told).toEqual(['insert', 'insert']);
  });

  it('is told in bulk when it reads a relation that was neither given nor loaded', async () => {
    await start({ entities: [ThreadSchema, PostSchema] });
    const told: unknown[] = [];
    const bulk = ({ kind }: BulkChange) => void told.push(kind);
    dataSource.subscribers.push(
      pushAfterSave(
        trigger,
        on(Post, ({ thread }) => void told.push(thread?.id ?? 'nobody'), { bulk }),
        on(Thread, ({ posts }) => void told.push(posts.length), { bulk }),
      ),
    );
    const { manager } = dataSource;
    await manager.save(Thread, { id: 5, posts: [] });
    await manager.insert(Thread, { id: 6 });
    expect(told.splice(0)).toEqual([0, 'insert']);
    await manager.save(Post, { id: 1, text: 'a', thread: { id: 5 } });
    await manager.save(Post, { id: 1, text: 'b' });
    await manager.save(Post, { id: 1, text: 'c', thread: null });
    expect(told).toEqual([5, 'update', 'nobody']);
  });

  it('may spread a row, of which a save gave a part', async () => {
    await start();
    const told: unknown[] = [];
    dataSource.subscribers.push(
      pushAfterSave(
        trigger,
        on(Notification, (n) => void told.push({ ...n })),
      ),
    );
    const { manager } = dataSource;
    await manager.save(User, { id: 1 });
    const { id } = await manager.save(Notification, { userId: 1, text: 'a' });
    await manager.save(Notification, { id, text: 'b' });
    expect(told.at(-1)).toMatchObject({ id, userId: 1, text: 'b' });
  });

  it('is told in bulk of rows that a query builder writes', async () => {
    await start();
    const { toKeys, bulk, take } = recordedChanges();
    dataSource.subscribers.push(pushAfterSave(trigger, on(Notification, toKeys, { bulk })));
    const { manager } = dataSource;
    await manager.save(User, { id: 1 });
    const { id } = await manager.save(Notification, { userId: 1, text: 'a' });
    take();
    await manager.increment(Notification, { id }, 'userId', 0);
    await manager.createQueryBuilder().update(Notification).set({ text: 'b' }).execute();
    await manager.softDelete(Notification, { id });
    await manager.restore(Notification, { id });
    await manager.createQueryBuilder().delete().from(Notification).execute();
    const kinds = ['update', 'update', 'delete', 'insert', 'delete'];
    expect(take()).toEqual(kinds.map((kind) => ({ kind })));
  });

  it('is told in bulk of rows that a save takes off a relation', async () => {
    await start({ entities: [ThreadSchema, PostSchema] });
    const told: string[] = [];
    const bulk = ({ kind }: BulkChange) => void told.push(`${kind} of some`);
    const tell = on(Post, (post, { kind }) => void told.push(`${kind} of ${post.id}`), { bulk });
    dataSource.subscribers.push(pushAfterSave(trigger, tell));
    await dataSource.manager.save(Thread, { id: 1, posts: [{ id: 2 }, { id: 3 }] });
    expect(told.splice(0)).toEqual(['insert of 2', 'insert of 3']);
    await dataSource.manager.save(Thread, { id: 1, posts: [{ id: 2 }] });
    expect(told).toEqual(['delete of some']);
  });

  it('loads no lazy relation', async () => {
    const queries: string[] = [];
    const silent = () => {};
    const logger = {
      logQuery: (query: string) => void queries.push(query),
      logQueryError: silent,
      logQuerySlow: silent,
      logSchemaBuild: silent,
      logMigration: silent,
      log: silent,
    };
    await start({ logger });
    dataSource.subscribers.push(
      pushAfterSave(
        trigger,
        on(Notification, (n) => keyOf(n.userId)),
      ),
    );
    const { manager } = dataSource;
    await manager.save(User, { id: 1 });
    const { id } = await manager.save(Notification, { userId: 1, text: 'a' });
    const notification = await manager.findOneByOrFail(Notification, { id });
    queries.length = 0;
    notification.text = 'b';
    await manager.save(notification);
    await manager.softRemove(notification);
    await manager.remove(notification);
    expect(queries.filter((query) => query.includes('"users"'))).toEqual([]);
    expect(queries.length).toBeGreaterThan(0);
  });

  it('is for the rows of classes that extend its own, too', async () => {
    class Post {
      declare id: number;
      declare text: string;
    }
    class Reply extends Post {
      declare to: number;
    }
    class Page {
      declare id: number;
      declare text: string;
    }
    const columns = {
      id: { type: 'int', primary: true, generated: 'increment' },
      text: { type: 'text' },
    } as const;
    const inheritance = { pattern: 'STI', column: { name: 'type', type: 'varchar' } } as const;
    const posts = new EntitySchema<Post>({ name: 'Post', target: Post, columns, inheritance });
    const replies = new EntitySchema<Reply>({
      name: 'Reply',
      target: Reply,
      type: 'entity-child',
      columns: { to: { type: 'int', nullable: true } },
    });
    const pages = new EntitySchema<Page>({ name: 'Page', target: Page, columns });
    await start({ entities: [posts, replies, pages] });
    const told: string[] = [];
    const tell = (what: string) => () => void told.push(what);
    dataSource.subscribers.push(
      pushAfterSave(
        trigger,
        on(Post, tell('post'), { bulk: tell('posts') }),
        on(replies, tell('reply'), { bulk: tell('replies') }),
      ),
    );
    const { manager } = dataSource;
    const updateAll = (entity: typeof Page | typeof Post) =>
      manager.createQueryBuilder().update(entity).set({ text: 'b' }).execute();
    await manager.save(Page, { text: 'a' });
    await updateAll(Page);
    expect(told.splice(0)).toEqual([]);
    await manager.save(Post, { text: 'a' });
    expect(told.splice(0)).toEqual(['post']);
    await manager.save(Reply, { text: 'a', to: 1 });
    expect(told.splice(0)).toEqual(['post', 'reply']);
    await updateAll(Post);
    expect(told.splice(0)).toEqual(['posts', 'replies']);
    await updateAll(Reply);
    expect(told.splice(0)).toEqual(['posts', 'replies']);
  });

  it('takes an EntitySchema, with a class and without one', async () => {
    interface Page {
      id: number;
      text: string;
    }
    const pages = new EntitySchema<Page>({
      name: 'Page',
      columns: { id: { type: 'int', primary: true }, text: { type: 'text' } },
    });
    await start({ entities: [UserSchema, NotificationSchema, pages] });
    const told: string[] = [];
    dataSource.subscribers.push(
      pushAfterSave(
        trigger,
        on(NotificationSchema, (n: Notification) => void told.push(n.text)),
        on(pages, (page: Page) => void told.push(page.text)),
      ),
    );
    const { manager } = dataSource;
    await manager.save(User, { id: 1 });
    await manager.save(Notification, { userId: 1, text: 'a' });
    await manager.save(pages, { id: 1, text: 'b' });
    expect(told).toEqual(['a', 'b']);
  });

  it('refuses what cannot be meant', async () => {
    await start();
    expect(() => on('Notification' as never, () => 'a')).toThrow(TypeError);
    expect(() => on(undefined as never, () => 'a')).toThrow(TypeError);
    expect(() => on(Notification, 'a' as never)).toThrow(TypeError);
    expect(() => pushAfterSave(trigger)).toThrow(TypeError);
  });
});

describe('a query runner of TypeORM that nobody rolls back', () => {
  it('pushes when it is left with a savepoint, and when the answer to its COMMIT is lost', async () => {
    await using database = await databases.PostgreSQL();
    const url = new URL((database.place as { url: string }).url);
    using proxy = await openLossyProxy(Number(url.port));
    url.port = String(proxy.port);
    const { id } = await database.add(1);
    await using trigger = new SseTrigger({ store: new RecordingStore() });
    const push = vi.spyOn(trigger, 'push');
    await using dataSource = await disposable(connect({ url: url.href }));
    dataSource.subscribers.push(
      pushAfterSave(
        trigger,
        on(Notification, (n) => keyOf(n.userId)),
      ),
    );
    const leave = async (text: string) => {
      await using queryRunner = dataSource.createQueryRunner();
      await queryRunner.startTransaction();
      await queryRunner.startTransaction();
      await queryRunner.manager.save(Notification, { id, text });
      expect(push).not.toHaveBeenCalled();
    };
    await leave('a');
    expect(push).toHaveBeenCalledExactlyOnceWith([keyOf(1)]);
    push.mockClear();
    proxy.loses = /commit/i;
    await expect(leave('b')).rejects.toThrow();
    proxy.loses = undefined;
    expect(push).toHaveBeenCalledExactlyOnceWith([keyOf(1)]);
    expect(await database.textOf(id)).toBe('b');
  });
});

describe('a subscriber of TypeORM that throws when a transaction was committed', () => {
  it('keeps no push back', async () => {
    await using trigger = new SseTrigger({ store: new RecordingStore() });
    const push = vi.spyOn(trigger, 'push');
    await using dataSource = await disposable(connect({ file: ':memory:' }, { synchronize: true }));
    const mapping = on(User, ({ id }) => keyOf(id));
    const failing = {
      afterTransactionCommit() {
        throw new Error('not ours');
      },
    };
    dataSource.subscribers.push(failing, pushAfterSave(trigger, mapping));
    const save = (id: number) => dataSource.transaction((manager) => manager.save(User, { id }));
    await expect(save(1)).rejects.toThrow('not ours');
    expect(push).toHaveBeenCalledExactlyOnceWith([keyOf(1)]);
    await expect(save(2)).rejects.toThrow('not ours');
    expect(push).toHaveBeenLastCalledWith([keyOf(2)]);
    expect(await dataSource.manager.count(User)).toBe(2);
  });
});

describe('the commit of a driver of TypeORM that makes no query of it', () => {
  // As that of SQL Server, which does not run here: nothing but the rollback that follows says that it has failed.
  it('may have happened when it failed', async () => {
    await using trigger = new SseTrigger({ store: new RecordingStore() });
    const push = vi.spyOn(trigger, 'push');
    const subscriber = pushAfterSave(
      trigger,
      on(Notification, (n) => keyOf(n.userId)),
    );
    const event = { queryRunner: { isTransactionActive: true } };
    const entity = { userId: 1 };
    subscriber.afterTransactionStart(event);
    subscriber.afterInsert({
      ...event,
      metadata: { target: Notification, columns: [], relations: [] },
      entity,
    });
    subscriber.beforeTransactionCommit(event);
    expect(push).not.toHaveBeenCalled();
    subscriber.beforeTransactionRollback(event);
    expect(push).toHaveBeenCalledExactlyOnceWith([keyOf(1)]);
  });
});

async function disposable(opening: Promise<DataSource>): Promise<DataSource & AsyncDisposable> {
  const dataSource = await opening;
  return Object.assign(dataSource, { [Symbol.asyncDispose]: () => dataSource.destroy() });
}
