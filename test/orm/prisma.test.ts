import { EventEmitter, once } from 'node:events';
import { PrismaLibSql } from '@prisma/adapter-libsql';
import { PrismaPg } from '@prisma/adapter-pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SseTrigger } from '../../src/index.ts';
import { on, pushAfterSave } from '../../src/orm/prisma.ts';
import { adapterConformance, keyOf, POOL } from './conformance.ts';
import { databases, type Place } from './database.ts';
import { lossyWay, ormStage } from './orm-stage.ts';
import type { OrmUnderTest, Setting, Writer } from './orm-under-test.ts';
import { PrismaClient } from './prisma/generated/postgresql/client/client.ts';
import { PrismaClient as SqliteClient } from './prisma/generated/sqlite/client/client.ts';

const DATA = { userId: 1, text: 'a' };

/** By which the client inside a transaction says its id, before Prisma 7.5 and since. */
const ID = Symbol.for('prisma.client.transaction.id');
const SCOPE = Symbol.for('prisma.client.transaction.scope_context');

/** Sixty transactions wait for five connections. */
const PATIENT = { maxWait: 20_000, timeout: 20_000 };

function clientOf(place: Place): PrismaClient {
  if ('file' in place) {
    const adapter = new PrismaLibSql({ url: `file:${place.file}` });
    // Of other types, but the same models.
    return new SqliteClient({ adapter }) as unknown as PrismaClient;
  }
  return new PrismaClient({ adapter: new PrismaPg({ connectionString: place.url, max: POOL }) });
}

function adapted(client: PrismaClient, trigger: SseTrigger, bulk?: (() => string) | undefined) {
  return client.$extends(
    pushAfterSave(
      trigger,
      on(client.notification, (n) => keyOf(n.userId), { bulk }),
    ),
  );
}
type Client = ReturnType<typeof adapted>;
type Inside = Omit<Client, '$connect' | '$disconnect' | '$on' | '$extends'>;

function obvious(client: PrismaClient, trigger: SseTrigger): Client {
  const extended = client.$extends({
    query: {
      notification: {
        async update({ args, query }) {
          const row = await query(args);
          void trigger.push(keyOf(row.userId!));
          return row;
        },
      },
    },
  });
  return extended as unknown as Client;
}

function writer(db: Inside): Writer {
  return {
    insert: async (data) => (await db.notification.create({ data, select: { id: true } })).id,
    update: (id, data) => db.notification.update({ where: { id }, data }),
    delete: (id) => db.notification.delete({ where: { id } }),
    nested: (work) => db.$transaction((inner) => work(writer(inner))),
  };
}

async function open({ place, trigger, hook, bulk }: Setting): Promise<OrmUnderTest> {
  const client = clientOf(place);
  const prisma = hook === 'adapter' ? adapted(client, trigger, bulk) : obvious(client, trigger);
  const { notification } = prisma;
  return {
    ...writer(prisma),
    transaction: (work) => prisma.$transaction((tx) => work(writer(tx)), PATIENT),
    ways: {
      'bulk insert': ({ userId }) =>
        notification.createMany({ data: ['a', 'b'].map((text) => ({ userId, text })) }),
      'bulk update': ({ userId }) => notification.updateMany({ where: { userId }, data: { text: 'a' } }),
      'bulk delete': ({ userId }) => notification.deleteMany({ where: { userId } }),
      upsert: ({ id, userId }) =>
        notification.upsert({ where: { id }, create: { userId, text: 'a' }, update: { text: 'b' } }),
      'raw SQL': ({ id }) => prisma.$executeRaw`update notifications set text = 'a' where id = ${id}`,
      cascade: ({ userId }) => prisma.user.delete({ where: { id: userId } }),
    },
    close: () => client.$disconnect(),
  };
}

// Its adapter for libSQL has no savepoints.
adapterConformance('Prisma', open, { nests: 'PostgreSQL' });

describe('Prisma', () => {
  const stage = ormStage(databases.PostgreSQL);
  let client: PrismaClient;
  let prisma: Client;

  beforeEach(() => {
    client = clientOf(stage.database.place);
    prisma = adapted(client, stage.trigger);
  });

  afterEach(() => client.$disconnect());

  it('pushes what an array of operations wrote once, when it is committed', async () => {
    const data = { userId: 1, text: 'a' };
    await prisma.$transaction([
      prisma.notification.create({ data }),
      prisma.notification.create({ data }),
      prisma.notification.create({ data: { userId: 2, text: 'b' } }),
    ]);
    expect(await stage.written()).toEqual([[keyOf(1), keyOf(2)]]);
  });

  it('pushes nothing of an array of operations one of which fails', async () => {
    const data = { userId: 1, text: 'a' };
    const undone = prisma.$transaction([
      prisma.notification.create({ data }),
      prisma.notification.create({ data: { userId: -1, text: 'has no user' } }),
    ]);
    await expect(undone).rejects.toThrow();
    await prisma.notification.create({ data: { userId: 2, text: 'b' } });
    expect(await stage.written()).toEqual([[keyOf(2)]]);
  });

  it('holds what a callback wrote that gives an operation and does not await it', async () => {
    const data = { userId: 1, text: 'a' };
    await prisma.$transaction((tx) => tx.notification.create({ data }));
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });

  it('pushes at once what the client itself writes inside a transaction, which is not part of it', async () => {
    const undone = prisma.$transaction(async (tx) => {
      await tx.notification.create({ data: { userId: 1, text: 'a' } });
      await prisma.notification.create({ data: { userId: 2, text: 'b' } });
      expect(await stage.written()).toEqual([[keyOf(2)]]);
      await prisma.$transaction((other) => other.notification.create({ data: { userId: 3, text: 'c' } }));
      expect(await stage.written()).toEqual([[keyOf(3)]]);
      throw new Error('undo');
    });
    await expect(undone).rejects.toThrow('undo');
    expect(stage.store.writes).toEqual([]);
  });

  it('holds what a tx writes that is used by work which began before the transaction', async () => {
    const jobs = new EventEmitter<{ job: [() => Promise<unknown>] }>();
    const worker = once(jobs, 'job').then(([work]) => work());
    await prisma.$transaction(async (tx) => {
      jobs.emit('job', () => tx.notification.create({ data: DATA }));
      await worker;
      expect(stage.store.writes).toEqual([]);
    });
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });

  it.each(['commits', 'rolls back'])('holds what a tx writes within another one that %s', async (end) => {
    await prisma.$transaction(async (tx) => {
      const other = prisma.$transaction(async (inner) => {
        await inner.notification.create({ data: { userId: 2, text: 'b' } });
        await tx.notification.create({ data: DATA });
        if (end === 'rolls back') throw new Error('undo');
      });
      await other.catch(() => {});
      if (end === 'commits') expect(await stage.written()).toEqual([[keyOf(2)]]);
    });
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });

  it.each(['says its id', 'says nothing of itself'])('holds what a tx writes that %s', async (what) => {
    // As that of Prisma 7.0 to 7.4, or of another version.
    const { $transaction } = client;
    client.$transaction = function (this: unknown, work: (tx: object) => Promise<unknown>) {
      return Reflect.apply($transaction, this, [(tx: object) => work(older(tx))]);
    } as never;
    const older = (tx: object) =>
      new Proxy(tx, {
        get(known, name, receiver) {
          if (name === SCOPE) return undefined;
          if (name === ID && what === 'says its id') return Reflect.get(known, SCOPE).txId;
          return Reflect.get(known, name, receiver);
        },
      });
    prisma = adapted(client, stage.trigger);
    const write = (userId: number, end = () => {}) =>
      prisma.$transaction(async (tx) => {
        await tx.notification.create({ data: { userId, text: 'a' } });
        end();
      });
    const undo = () => {
      throw new Error('undo');
    };
    const [kept, undone] = await Promise.allSettled([write(1), write(2, undo)]);
    expect([kept.status, undone.status]).toEqual(['fulfilled', 'rejected']);
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });

  it('drops what is written to a savepoint that is undone, by whichever tx', async () => {
    await prisma.$transaction(async (tx) => {
      const undone = tx.$transaction(async (inner) => {
        await inner.notification.create({ data: DATA });
        await tx.notification.create({ data: { userId: 2, text: 'b' } });
        throw new Error('undo');
      });
      await expect(undone).rejects.toThrow('undo');
      await tx.notification.create({ data: { userId: 3, text: 'c' } });
    });
    expect(await stage.written()).toEqual([[keyOf(3)]]);
  });

  it('holds what an array of operations of a tx wrote', async () => {
    await prisma.$transaction(async (tx) => {
      await tx.$transaction([tx.notification.create({ data: DATA })]);
      await prisma.user.count();
      expect(stage.store.writes).toEqual([]);
    });
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });

  it.each([
    ['an operation', /insert/i, (db: Client) => db.notification.create({ data: DATA })],
    [
      'an array of operations',
      /commit/i,
      (db: Client) => db.$transaction([1, 2].map(() => db.notification.create({ data: DATA }))),
    ],
  ])('pushes when the answer to %s is lost', async (_, lost, write) => {
    const way = await lossyWay(stage.database.place);
    using proxy = way.proxy;
    const remote = clientOf(way.place);
    await remote.user.count();
    proxy.loses = lost;
    await expect(write(adapted(remote, stage.trigger))).rejects.toThrow();
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await remote.$disconnect();
  });

  it('sees rows that a bulk write gives', async () => {
    await prisma.notification.createManyAndReturn({ data: [{ userId: 1, text: 'a' }], select: { id: true } });
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    await prisma.notification.updateManyAndReturn({ where: { userId: 1 }, data: { text: 'b' } });
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    expect(stage.errors).toEqual([]);
  });

  it.each([
    ['select', { select: { text: true } }, { text: 'b' }],
    ['omit', { omit: { userId: true, deletedAt: true } }, { id: expect.any(Number), read: false, text: 'b' }],
  ])('sees a column that %s leaves out, and gives what was asked for', async (_, selection, asked) => {
    const { id } = await stage.database.add(1);
    const given = await prisma.notification.update({ where: { id }, data: { text: 'b' }, ...selection });
    expect(await stage.written()).toEqual([[keyOf(1)]]);
    expect({ ...given }).toEqual(asked);
    expect(JSON.parse(JSON.stringify(given))).toEqual(asked);
  });

  it('lets Prisma refuse to select nothing', async () => {
    for (const select of [{}, { text: false }]) {
      const refused = prisma.notification.create({ data: DATA, select: select as object });
      await expect(refused).rejects.toThrow('select');
    }
    expect(stage.store.writes).toEqual([]);
  });

  it('never reads what the client omits everywhere', async () => {
    const place = stage.database.place as { url: string };
    const adapter = new PrismaPg({ connectionString: place.url, max: POOL });
    const omitting = new PrismaClient({ adapter, omit: { notification: { userId: true } } });
    const discreet = adapted(omitting as PrismaClient, stage.trigger, () => 'all');
    for (const selection of [{}, { select: { id: true } }, { omit: { text: true, userId: true } }]) {
      const given = await discreet.notification.create({ data: DATA, ...selection });
      expect(given).not.toHaveProperty('userId');
      expect(await stage.written()).toEqual([['all']]);
    }
    await omitting.$disconnect();
  });

  it('leaves fields that another extension computes as they are', async () => {
    const { id } = await stage.database.add(1);
    const computing = client.$extends({
      result: {
        notification: { owner: { needs: { userId: true }, compute: ({ userId }) => `user ${userId}` } },
      },
    });
    const both = computing.$extends(
      pushAfterSave(
        stage.trigger,
        on(computing.notification, (n) => keyOf(n.userId)),
      ),
    );
    const given = await both.notification.update({ where: { id }, data: {}, select: { owner: true } });
    expect(JSON.parse(JSON.stringify(given))).toEqual({ owner: 'user 1' });
    expect(Object.keys(given)).toEqual(['owner']);
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });

  it('asks the mapping for an insert and for an update when it upserts', async () => {
    const { id } = await stage.database.add(1);
    const told: string[] = [];
    const kinds = client.$extends(
      pushAfterSave(
        stage.trigger,
        on(client.notification, (n, { kind }) => {
          told.push(kind);
          return keyOf(n.userId);
        }),
      ),
    );
    await kinds.notification.upsert({ where: { id }, create: DATA, update: { text: 'b' } });
    expect(told).toEqual(['insert', 'update']);
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });

  it('does not take for the row what is read behind it', async () => {
    const { id } = await stage.database.add(2);
    const user = await prisma.notification.update({ where: { id }, data: { text: 'b' } }).user();
    expect(user).toEqual({ id: 2 });
    expect(stage.errors).toMatchObject([{ code: 'rows_unknown' }]);
    expect(stage.store.writes).toEqual([]);
  });

  it('calls the mapping for the top model of a nested write only', async () => {
    await prisma.user.update({ where: { id: 1 }, data: { notifications: { create: { text: 'a' } } } });
    await prisma.notification.create({ data: { text: 'a', user: { connect: { id: 2 } } } });
    expect(await stage.written()).toEqual([[keyOf(2)]]);
    expect(stage.errors).toEqual([]);
  });

  it('says nothing of a bulk write that matches nothing', async () => {
    await prisma.notification.updateMany({ where: { userId: -1 }, data: { text: 'b' } });
    await prisma.notification.deleteMany({ where: { userId: -1 } });
    expect(stage.errors).toEqual([]);
  });

  it('gives the condition of a bulk write to the mapping', async () => {
    await stage.database.add(1);
    const seen = vi.fn(() => keyOf(1));
    const all = client.$extends(
      pushAfterSave(
        stage.trigger,
        on(client.notification, () => null, { bulk: seen }),
      ),
    );
    await all.notification.updateMany({ where: { userId: 1 }, data: { text: 'b' } });
    expect(seen).toHaveBeenCalledExactlyOnceWith({ kind: 'update', where: { userId: 1 } });
    expect(await stage.written()).toEqual([[keyOf(1)]]);
  });
});

it('refuses what is no model, and no client', () => {
  const trigger = new SseTrigger();
  expect(() => on({} as never, 'key' as never)).toThrow(TypeError);
  expect(() => pushAfterSave(trigger)).toThrow(TypeError);
  const extension = pushAfterSave(
    trigger,
    on({ $name: 'A', fields: {} } as never, () => 'a'),
  );
  expect(() => extension({})).toThrow('pushAfterSave is given to $extends of a PrismaClient');
});
