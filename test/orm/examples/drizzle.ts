import { integer, pgTable, serial, text } from 'drizzle-orm/pg-core';

export { drizzle } from 'drizzle-orm/node-postgres';

export const notifications = pgTable('notifications', {
  id: serial().primaryKey(),
  userId: integer('user_id').notNull(),
  text: text().notNull(),
});
