// What must compile and what must not, for `tsc -p test`. Nothing here is run.
import { drizzle as drizzleLibsql } from 'drizzle-orm/libsql';
import { int, mysqlTable } from 'drizzle-orm/mysql-core';
import { drizzle as drizzleMysql } from 'drizzle-orm/mysql2';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgSchema, pgTable, text, timestamp } from 'drizzle-orm/pg-core';
import { integer as sqliteInteger, sqliteTable } from 'drizzle-orm/sqlite-core';
import { SseTrigger } from '../../src/index.ts';
import { on, pushAfterSave } from '../../src/orm/drizzle.ts';

const notifications = pgTable('notifications', {
  userId: integer('user_id').notNull(),
  text: text(),
  at: timestamp().notNull(),
});
const log = pgSchema('audit').table('log', { line: text().notNull() });
const lite = sqliteTable('notifications', { userId: sqliteInteger('user_id').notNull() });
const my = mysqlTable('notifications', { userId: int('user_id').notNull() });

const trigger = new SseTrigger();

const hooked = pushAfterSave(
  trigger,
  on(notifications, (n, { kind, before }) => {
    const id: number = n.userId;
    const at: Date = n.at;
    return kind === 'delete' || before?.userId === id ? null : [`notifications:${id}`, `day:${at.getDay()}`];
  }),
  on(log, ({ line }) => line, { bulk: ({ where }) => (where ? 'log' : null) }),
  on(lite, (n) => `notifications:${n.userId}`),
  on(my, (n) => `notifications:${n.userId}`),
);

// A database is what it was.
const db = hooked(drizzle({ connection: 'postgres://', schema: { notifications } }));
export const users: Promise<(number | undefined)[]> = db.transaction(async (tx) => [
  (await tx.query.notifications.findFirst())?.userId,
  (await tx.insert(notifications).values({ userId: 1, at: new Date() }).returning())[0]?.userId,
]);
export const pool: number = db.$client.totalCount;
hooked(drizzleLibsql('file:')).batch([hooked(drizzleLibsql('file:')).delete(lite)]);
hooked(drizzleMysql('mysql://')).insert(my).values({ userId: 1 }).$returningId();

// @ts-expect-error: no such column
on(notifications, (n) => `notifications:${n.user_id}`);
// @ts-expect-error: a number is no key
on(notifications, (n) => n.userId);
// @ts-expect-error: no table
on('notifications', () => 'a');
// @ts-expect-error: no such option
on(notifications, () => 'a', { bulky: () => 'a' });
// @ts-expect-error: no database
hooked({});

const narrow = new SseTrigger<'ticker' | `notifications:${number}`>();
pushAfterSave(
  narrow,
  on(notifications, (n) => `notifications:${n.userId}`, { bulk: () => 'ticker' }),
);
pushAfterSave(
  narrow,
  // @ts-expect-error: not one of the trigger's keys
  on(notifications, (n) => `user:${n.userId}`),
);
