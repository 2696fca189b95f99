import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

export const User = defineEntity({
  name: 'User',
  tableName: 'users',
  properties: { id: p.integer().primary() },
});
export type User = InferEntity<typeof User>;

export const Notification = defineEntity({
  name: 'Notification',
  tableName: 'notifications',
  properties: {
    id: p.integer().primary(),
    userId: p.integer(),
    text: p.text(),
    read: p.boolean().default(false),
    deletedAt: p.datetime().nullable(),
  },
});
export type Notification = InferEntity<typeof Notification>;
