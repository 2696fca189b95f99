import {
  Collection,
  EntitySchema,
  type EventArgs,
  type EventSubscriber,
  MikroORM,
  type Options,
  TransactionPropagation,
} from '@mikro-orm/core';
import {
  type AbstractSqlDriver,
  LibSqlDriver,
  LibSqlKnexDialect,
  type SqlEntityManager,
} from '@mikro-orm/libsql';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import Sqlite from 'libsql';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SseTrigger } from '../../src/index.ts';
import { type BulkChange, on, pushAfterSave } from '../../src/orm/mikro-orm.ts';
import { RecordingStore } from '../support/recording-store.ts';
import { adapterConformance, keyOf, POOL } from './conformance.ts';
import type { Place } from './database.ts';
import { Notification, User } from './mikro-orm-entities.ts';
import type { OrmUnderTest, Setting, Writer } from './orm-under-test.ts';
import { recordedChanges } from './recorded-changes.ts';

type Orm = MikroORM<AbstractSqlDriver>;

adapterConformance('MikroORM', open);

async function open({ place, trigger, hook, bulk }: Setting): Promise<OrmUnderTest> {
  const mapping = on(Notification, (n) => keyOf(n.userId), { bulk });
  const subscriber = hook === 'adapter' ? pushAfterSave(trigger, mapping) : obviousHook(trigger);
  const orm = await connect(place, { subscribers: [subscriber] });
  const write: Writer = {
    insert: (row) => writerOf(orm.em.fork()).insert(row),
    update: (id, values) => writerOf(orm.em.fork()).update(id, values),
    delete: (id) => writerOf(orm.em.fork()).delete(id),
  };
  return {
    ...write,
    transaction: (work) => orm.em.fork().transactional((em) => work(writerOf(em))),
    ways: {
      'bulk insert': ({ userId }) =>
        orm.em.fork().insertMany(Notification, [
          { userId, text: 'a' },
          { userId, text: 'b' },
        ]),
      'bulk update': ({ userId }) => orm.em.fork().nativeUpdate(Notification, { userId }, { text: 'all' }),
      'bulk delete': ({ userId }) => orm.em.fork().nativeDelete(Notification, { userId }),
      upsert: (row) => orm.em.fork().upsert(Notification, { ...row, text: 'again' }),
      'raw SQL': ({ id }) =>
        orm.em.getConnection().execute(`update notifications set text = 'raw' where id = ${id}`),
      cascade: async ({ userId }) => {
        const em = orm.em.fork();
        await em.remove(em.getReference(User, userId)).flush();
      },
    },
    close: () => orm.close(),
  };
}

function writerOf(em: SqlEntityManager): Writer {
  return {
    async insert(row) {
      const notification = em.create(Notification, row);
      await em.flush();
      return notification.id;
    },
    async update(id, values) {
      em.assign(await em.findOneOrFail(Notification, id), values);
      await em.flush();
    },
    async delete(id) {
      await em.remove(await em.findOneOrFail(Notification, id)).flush();
    },
    nested: (work) => em.transactional((inner) => work(writerOf(inner))),
  };
}

function obviousHook(trigger: SseTrigger): EventSubscriber<Notification> {
  return {
    afterUpdate({ entity }: EventArgs<Notification>) {
      trigger.push(keyOf(entity.userId));
    },
  };
}

/** MikroORM would load a libsql of its own, and two copies of SQLite in one process do not heed each other's locks. */
class SameLibSql extends LibSqlKnexDialect {
  override _driver() {
    return Sqlite;
  }
}

function connect(place: Place, options: Options<AbstractSqlDriver>): Promise<Orm> {
  const where: Options<AbstractSqlDriver> =
    'url' in place
      ? { driver: PostgreSqlDriver, clientUrl: place.url, pool: { max: POOL } }
      : {
          driver: LibSqlDriver,
          dbName: place.file,
          driverOptions: { client: SameLibSql, connection: { timeout: 5000 } },
        };
  return MikroORM.init<AbstractSqlDriver>({ entities: [User, Notification], ...where, ...options });
}

describe('a mapping for MikroORM', () => {
  let orm: Orm;
  let trigger: SseTrigger;
  let pushes: string[][];

  beforeEach(() => {
    trigger = new SseTrigger({ store: new RecordingStore() });
    pushes = [];
    vi.spyOn(trigger, 'push').mockImplementation((keys) => {
      pushes.push([keys].flat());
      return Promise.resolve(true);
    });
  });
  afterEach(async () => {
    await orm.close();
    await trigger.close();
  });

  async function start(options: Options<AbstractSqlDriver>) {
    orm = await connect({ file: ':memory:' }, options);
    await orm.schema.createSchema();
  }

  it('gets the row, what happened to it, and what it was before an update', async () => {
    const { toKeys, bulk, take } = recordedChanges();
    await start({ subscribers: [pushAfterSave(trigger, on(Notification, toKeys, { bulk }))] });
    const em = orm.em.fork();
    const notification = em.create(Notification, { userId: 1, text: 'a' });
    await em.flush();
    expect(take()).toEqual([{ kind: 'insert', text: 'a' }]);
    notification.text = 'b';
    await em.flush();
    expect(take()).toEqual([{ kind: 'update', text: 'b', before: 'a' }]);
    await em.fork().upsert(Notification, { id: notification.id, userId: 1, text: 'c' });
    expect(take()).toEqual([{ kind: 'insert', text: 'c' }]);
    await em.remove(notification).flush();
    expect(take()).toEqual([{ kind: 'delete', text: 'b' }]);
  });

  it('gets the row that is stored when an upsert sets some of the values', async () => {
    await start({
      subscribers: [
        pushAfterSave(
          trigger,
          on(Notification, (n) => keyOf(n.userId)),
        ),
      ],
    });
    const id = await writerOf(orm.em.fork()).insert({ userId: 1, text: 'a' });
    pushes.length = 0;
    const row = { id, userId: 2, text: 'b' };
    const merged: 'text'[] = ['text'];
    await orm.em
      .fork()
      .upsert(Notification, row, { onConflictFields: ['id'], onConflictMergeFields: merged });
    await orm.em
      .fork()
      .upsertMany(Notification, [row], { onConflictFields: ['id'], onConflictMergeFields: merged });
    expect(pushes).toEqual([[keyOf(1)], [keyOf(1)]]);
  });

  it('is told in bulk of a row of which what it reads was never loaded', async () => {
    const { toKeys, bulk, take } = recordedChanges();
    await start({ subscribers: [pushAfterSave(trigger, on(Notification, toKeys, { bulk }))] });
    const em = orm.em.fork();
    const created = em.create(Notification, { userId: 1, text: 'a' });
    await em.flush();
    const { id } = created;
    take();
    const changing = em.fork();
    const reference = changing.getReference(Notification, id);
    reference.text = 'b';
    await changing.flush();
    reference.text = 'c';
    await changing.flush();
    const inPart = em.fork();
    const part = await inPart.findOneOrFail(Notification, id, { fields: ['text'] });
    part.text = 'd';
    await inPart.flush();
    const removing = em.fork();
    await removing.remove(removing.getReference(Notification, id)).flush();
    const knowing = ['b', 'c', 'd'].map((text, i) => ({
      kind: 'update',
      text,
      before: [undefined, 'b', 'c'][i],
    }));
    expect(take().filter(({ text }) => text !== undefined)).toEqual(knowing);
    expect(pushes).toEqual([[keyOf(1)], ['all'], ['all'], ['all'], ['all']]);
  });

  it('is told in bulk when it reads what was not loaded of what is embedded', async () => {
    class Place {
      declare town: string;
      declare street: string;
    }
    class Address {
      declare place: Place;
      declare note: string | null;
    }
    class Person {
      declare id: number;
      declare name: string;
      declare address: Address;
      declare second: Place;
    }
    const text = { type: 'string' } as const;
    const places = new EntitySchema<Place>({
      class: Place,
      embeddable: true,
      properties: { town: text, street: { ...text, nullable: true } },
    });
    const addresses = new EntitySchema<Address>({
      class: Address,
      embeddable: true,
      properties: {
        place: { kind: 'embedded', entity: () => Place },
        note: { ...text, nullable: true },
      },
    });
    const people = new EntitySchema<Person>({
      class: Person,
      properties: {
        id: { type: 'integer', primary: true },
        name: text,
        address: { kind: 'embedded', entity: () => Address },
        second: { kind: 'embedded', entity: () => Place, object: true },
      },
    });
    await start({
      entities: [places, addresses, people],
      subscribers: [
        pushAfterSave(
          trigger,
          on(Person, ({ address }) => `${address.place.street} ${address.place.town}`, { bulk: () => 'all' }),
          on(Person, ({ second }) => `${second.street} ${second.town}`, { bulk: () => 'all' }),
        ),
      ],
    });
    const em = orm.em.fork();
    const [place, second] = [{ town: 'a', street: 'b' }, { town: 'c' } as Place];
    em.create(Person, { id: 1, name: 'd', address: { place, note: null }, second });
    await em.flush();
    pushes.length = 0;
    const change = async (fields?: readonly string[]) => {
      const changing = orm.em.fork();
      const person = await changing.findOneOrFail(Person, 1, { fields: fields as never });
      person.name += 'e';
      await changing.flush();
      return pushes.splice(0).flat();
    };
    expect(await change()).toEqual(['b a', 'undefined c']);
    expect(await change(['name', 'address.place.town', 'second'])).toEqual(['all', 'undefined c']);
    expect(await change(['name', 'address.place'])).toEqual(['b a', 'all']);
  });

  it('is told in bulk of an upserted row when it reads a lazy column', async () => {
    class Page {
      declare id: number;
      declare text: string;
      declare room: string | null;
    }
    const pages = new EntitySchema<Page>({
      class: Page,
      properties: {
        id: { type: 'integer', primary: true },
        text: { type: 'string' },
        room: { type: 'string', lazy: true, nullable: true },
      },
    });
    const bulk = ({ kind }: BulkChange) => `some ${kind}`;
    await start({
      entities: [pages],
      subscribers: [
        pushAfterSave(
          trigger,
          on(Page, ({ room }) => room ?? 'none', { bulk }),
        ),
      ],
    });
    const em = orm.em.fork();
    em.create(Page, { id: 1, text: 'a', room: 'a room' });
    await em.flush();
    await em.fork().upsert(Page, { id: 1, text: 'b' });
    expect(pushes).toEqual([['a room'], ['some insert']]);
  });

  it('may read what was left out of a row that was inserted before', async () => {
    const toKeys = ({ userId, deletedAt }: Notification) => (deletedAt == null ? keyOf(userId) : 'deleted');
    await start({ subscribers: [pushAfterSave(trigger, on(Notification, toKeys))] });
    const em = orm.em.fork();
    const notification = em.create(Notification, { userId: 1, text: 'a' });
    await em.flush();
    notification.text = 'b';
    await em.flush();
    await em.remove(notification).flush();
    expect(pushes).toEqual([[keyOf(1)], [keyOf(1)], [keyOf(1)]]);
  });

  it('is for the rows of entities that extend its own, too', async () => {
    class Base {
      declare id: number;
    }
    class Page extends Base {
      declare text: string;
    }
    class Post {
      declare id: number;
      declare kind: string;
      declare text: string;
    }
    class Reply extends Post {}
    const id = { type: 'integer', primary: true } as const;
    const text = { type: 'string' } as const;
    const bases = new EntitySchema<Base>({ class: Base, abstract: true, properties: { id } });
    const pages = new EntitySchema<Page, Base>({ class: Page, extends: bases, properties: { text } });
    const posts = new EntitySchema<Post>({
      class: Post,
      discriminatorColumn: 'kind',
      discriminatorValue: 'post',
      properties: { id, text, kind: { enum: true, items: ['post', 'reply', 'note'] } },
    });
    const replies = new EntitySchema<Reply, Post>({
      class: Reply,
      extends: posts,
      discriminatorValue: 'reply',
    });
    // Nothing but a schema: MikroORM makes a class of it that extends nothing.
    const notes = new EntitySchema<Post, Post>({ name: 'Note', extends: posts, discriminatorValue: 'note' });
    const told: string[] = [];
    const tell = (what: string) => () => void told.push(what);
    await start({
      entities: [bases, pages, posts, replies, notes],
      subscribers: [
        pushAfterSave(trigger, on(Base, tell('base')), on(posts, tell('post')), on(Reply, tell('reply'))),
      ],
    });
    const toldOf = async (entity: EntitySchema) => {
      const em = orm.em.fork();
      em.create(entity, { text: 'a' });
      await em.flush();
      return told.splice(0);
    };
    expect(await toldOf(pages)).toEqual(['base']);
    expect(await toldOf(posts)).toEqual(['post']);
    expect(await toldOf(replies)).toEqual(['post', 'reply']);
    expect(await toldOf(notes)).toEqual(['post']);
  });

  it('is told of what a flush cascades to', async () => {
    class Thread {
      declare id: number;
      readonly posts = new Collection<Post>(this);
    }
    class Post {
      declare id: number;
      declare thread: Thread;
    }
    const id = { type: 'integer', primary: true } as const;
    const threads = new EntitySchema<Thread>({
      class: Thread,
      properties: { id, posts: { kind: '1:m', entity: () => Post, mappedBy: 'thread', orphanRemoval: true } },
    });
    const posts = new EntitySchema<Post>({
      class: Post,
      properties: { id, thread: { kind: 'm:1', entity: () => Thread } },
    });
    const told: string[] = [];
    const tell = on(Post, (post, { kind }) => void told.push(`${kind} of ${post.id}`));
    await start({ entities: [threads, posts], subscribers: [pushAfterSave(trigger, tell)] });
    const em = orm.em.fork();
    const thread = em.create(Thread, { id: 1, posts: [{ id: 2 }, { id: 3 }] });
    await em.flush();
    expect(told.splice(0)).toEqual(['insert of 2', 'insert of 3']);
    thread.posts.remove(({ id }) => id === 3);
    await em.flush();
    expect(told).toEqual(['delete of 3']);
  });

  it('loads no relation', async () => {
    class Message {
      declare id: number;
      declare text: string;
      declare user: User;
    }
    const messages = new EntitySchema<Message>({
      class: Message,
      properties: {
        id: { type: 'integer', primary: true },
        text: { type: 'string' },
        user: { kind: 'm:1', entity: () => User },
      },
    });
    const queries: string[] = [];
    await start({
      entities: [User, messages],
      debug: ['query'],
      logger: (query) => void queries.push(query),
      subscribers: [
        pushAfterSave(
          trigger,
          on(Message, ({ user }) => keyOf(user.id)),
        ),
      ],
    });
    const em = orm.em.fork();
    em.create(User, { id: 1 });
    em.create(Message, { user: 1, text: 'a' });
    await em.flush();
    const changing = em.fork();
    const message = await changing.findOneOrFail(Message, { text: 'a' });
    queries.length = 0;
    message.text = 'b';
    await changing.flush();
    await changing.remove(message).flush();
    expect(queries.filter((query) => query.includes('`users`'))).toEqual([]);
    expect(queries.length).toBeGreaterThan(0);
    expect(pushes).toEqual([[keyOf(1)], [keyOf(1)], [keyOf(1)]]);
  });

  it('refuses what cannot be meant', async () => {
    await start({});
    expect(() => on('Notification' as never, () => 'a')).toThrow(TypeError);
    expect(() => on(undefined as never, () => 'a')).toThrow(TypeError);
    expect(() => on(Notification, 'a' as never)).toThrow(TypeError);
    expect(() => pushAfterSave(trigger)).toThrow(TypeError);
  });

  it('pushes with the transaction that a row belongs to, whichever way that was begun', async () => {
    await start({
      subscribers: [
        pushAfterSave(
          trigger,
          on(Notification, (n) => keyOf(n.userId)),
        ),
      ],
    });
    const em = orm.em.fork();
    await em.begin();
    em.create(Notification, { userId: 1, text: 'a' });
    await em.flush();
    expect(pushes).toEqual([]);
    await em.commit();
    expect(pushes.splice(0)).toEqual([[keyOf(1)]]);
    await em.begin();
    em.create(Notification, { userId: 2, text: 'b' });
    await em.flush();
    await em.rollback();
    expect(pushes).toEqual([]);
    await em.transactional(
      async (outside) => {
        outside.create(Notification, { userId: 3, text: 'c' });
      },
      { propagation: TransactionPropagation.NOT_SUPPORTED },
    );
    expect(pushes.splice(0)).toEqual([[keyOf(3)]]);
    const own = (userId: number, work: () => void) =>
      orm.em.getKnex().transaction(async (transaction) => {
        const inside = orm.em.fork();
        inside.setTransactionContext(transaction);
        inside.create(Notification, { userId, text: 'd' });
        await inside.flush();
        expect(pushes).toEqual([]);
        work();
      });
    await own(4, () => {});
    expect(pushes.splice(0)).toEqual([[keyOf(4)]]);
    const undone = own(5, () => {
      throw new Error('undo');
    });
    await expect(undone).rejects.toThrow('undo');
    expect(pushes).toEqual([]);
  });
});

describe('the savepoints of MikroORM 7', () => {
  // It does not run on Node 20. Unlike 6, it tells of savepoints as it does of transactions.
  it('hand their keys outwards when they are released, and drop them when they are rolled back', async () => {
    await using trigger = new SseTrigger({ store: new RecordingStore() });
    const push = vi.spyOn(trigger, 'push');
    class Post {
      declare user: number;
    }
    const subscriber = pushAfterSave(
      trigger,
      on(Post, ({ user }) => keyOf(user)),
    );
    const begin = (outer?: object) => {
      const em = { getTransactionContext: () => transaction };
      const transaction = {};
      subscriber.beforeTransactionStart({ em, transaction: outer });
      subscriber.afterTransactionStart({ em, transaction });
      const event = { em, transaction };
      return {
        transaction,
        write(user: number) {
          const named = { class: Post, className: 'Post' };
          const meta = { ...named, root: named, comparableProps: [], properties: {} };
          subscriber.afterCreate({ em, entity: { user } as object, meta });
        },
        commit() {
          subscriber.beforeTransactionCommit(event);
          subscriber.afterTransactionCommit(event);
        },
        rollback: () => subscriber.beforeTransactionRollback(event),
      };
    };
    const outer = begin();
    outer.write(1);
    const released = begin(outer.transaction);
    released.write(2);
    released.commit();
    const undone = begin(outer.transaction);
    undone.write(3);
    const within = begin(undone.transaction);
    within.write(4);
    within.commit();
    undone.rollback();
    expect(push).not.toHaveBeenCalled();
    outer.commit();
    expect(push).toHaveBeenCalledExactlyOnceWith([keyOf(1), keyOf(2)]);
  });
});
