import diagnosticsChannel from 'node:diagnostics_channel';
import type { PushMessage } from 'sse-trigger';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { trigger } from '../../docs/examples/orm/trigger.ts';
import { database, pool } from '../orm/examples/database.ts';
import { knex } from '../orm/examples/knex.ts';
import { until } from '../support/until.ts';

const PUSHES = 'sse-trigger:push';
/** Its id will be another number than its user's. */
const ROW = { userId: 1, text: 'Shipped.' };
const KEY = 'notifications:1';

/** Who reads before the end of a transaction that Knex saves a row in is sure to see nothing of it. */
const SLOW_COMMIT = `
  create function take_time() returns trigger language plpgsql as
    $$ begin perform pg_sleep(0.2); return null; end $$;
  create constraint trigger slow_commit after insert on notifications deferrable initially deferred
    for each row when (new.text = 'by Knex') execute function take_time()`;

afterAll(async () => {
  await trigger.close();
  await knex.destroy();
  await pool.end();
  await database[Symbol.asyncDispose]();
});

/** The keys that are pushed from the beginning of `work` on, until it is over and there is one. */
async function pushedBy(work: () => PromiseLike<unknown>, atPush = () => {}): Promise<string[]> {
  const keys: string[] = [];
  const onPush = (message: unknown) => {
    keys.push(...(message as PushMessage).keys);
    atPush();
  };
  diagnosticsChannel.subscribe(PUSHES, onPush);
  try {
    await work();
    await until(() => keys.length > 0);
  } finally {
    diagnosticsChannel.unsubscribe(PUSHES, onPush);
  }
  return keys;
}

describe('the key of a row is pushed when it is saved by', () => {
  it('TypeORM', async () => {
    const { dataSource, Notification } = await import('../../docs/examples/orm/typeorm.ts');
    onTestFinished(() => dataSource.destroy());
    expect(await pushedBy(() => dataSource.manager.save(Notification, { ...ROW }))).toEqual([KEY]);
  });

  it('TypeORM, along with the key that it had before, or that of all', async () => {
    const { dataSource, Notification } = await import('../../docs/examples/orm/mapping.ts');
    onTestFinished(() => dataSource.destroy());
    await database.add(2);
    const { manager } = dataSource;
    const row = await manager.save(Notification, { ...ROW });
    const given = () => manager.save(Notification, { id: row.id, userId: 2 });
    expect((await pushedBy(given)).sort()).toEqual([KEY, 'notifications:2']);
    expect(await pushedBy(() => manager.delete(Notification, { userId: 2 }))).toEqual(['notifications:all']);
  });

  it('Prisma', async () => {
    const { prisma } = await import('../../docs/examples/orm/prisma.ts');
    onTestFinished(() => prisma.$disconnect());
    expect(await pushedBy(() => prisma.notification.create({ data: ROW }))).toEqual([KEY]);
  });

  it('Sequelize', async () => {
    const { Notification, sequelize } = await import('../../docs/examples/orm/sequelize.ts');
    onTestFinished(() => sequelize.close());
    expect(await pushedBy(() => Notification.create(ROW))).toEqual([KEY]);
  });

  it('MikroORM', async () => {
    const { Notification, orm } = await import('../../docs/examples/orm/mikro-orm.ts');
    onTestFinished(() => orm.close());
    const em = orm.em.fork();
    em.create(Notification, { ...ROW });
    expect(await pushedBy(() => em.flush())).toEqual([KEY]);
  });

  it('Objection', async () => {
    const { Notification } = await import('../../docs/examples/orm/objection.ts');
    expect(await pushedBy(() => Notification.query().insert(ROW))).toEqual([KEY]);
  });

  it('Knex, and after its transaction', async () => {
    const { notify } = await import('../../docs/examples/orm/knex.ts');
    await pool.query(SLOW_COMMIT);
    let seen: Promise<{ rows: unknown[] }> | undefined;
    const look = () => {
      seen = pool.query("select from notifications where text = 'by Knex'");
    };
    expect(await pushedBy(() => notify(ROW.userId, 'by Knex'), look)).toEqual([KEY]);
    expect((await seen)?.rows).toHaveLength(1);
  });

  it('Kysely', async () => {
    const { db } = await import('../../docs/examples/orm/kysely.ts');
    const insert = db.insertInto('notifications').values({ user_id: ROW.userId, text: ROW.text });
    expect(await pushedBy(() => insert.execute())).toEqual([KEY]);
  });

  it('Drizzle', async () => {
    const { db, notifications } = await import('../../docs/examples/orm/drizzle.ts');
    expect(await pushedBy(() => db.insert(notifications).values(ROW))).toEqual([KEY]);
  });

  it('Mongoose, and after its transaction', async () => {
    const { commands, mongodb, mongoose } = await import('../orm/examples/mongoose.ts');
    onTestFinished(async () => {
      await mongoose.disconnect();
      await mongodb[Symbol.asyncDispose]();
    });
    const example = () => import('../../docs/examples/orm/mongoose.ts');
    expect(await pushedBy(example, () => void commands.push('a push'))).toEqual([KEY]);
    expect(commands).toEqual(['insert', 'commitTransaction', 'a push']);
    const { Notification } = await example();
    expect(await pushedBy(() => Notification.create(ROW))).toEqual([KEY]);
  });

  it('anybody, by PostgreSQL itself', async () => {
    let example!: typeof import('../../docs/examples/orm/postgres.ts');
    const started = await pushedBy(async () => {
      example = await import('../../docs/examples/orm/postgres.ts');
    });
    onTestFinished(() => example.stop());
    expect(started).toEqual(['sse-trigger-everything']);
    await pool.query(example.up);
    expect(await pushedBy(() => database.add(ROW.userId))).toEqual([KEY]);
    await pool.query(example.down);
  });
});
