import { app, redis, unreadNotifications, userId } from './application.ts';

/** Their repository pushes by itself, within a unit of work. */
const orders = { ship: async (id: number) => trigger.push(`order:${id}`) };
const id = 42;

import { SseTrigger, streamSse } from 'sse-trigger';
import { RedisStore } from 'sse-trigger/redis';

const trigger = new SseTrigger({ store: new RedisStore(redis) });    // without a store: in memory, for one process

app.get('/notifications/stream', streamSse(trigger, {
  subject: (req) => req.session.userId,                 // what this stream is about; nothing answers 401
  key: (userId) => `notifications:${userId}`,           // the cheap check: what to watch
  data: (userId) => unreadNotifications(userId),        // the query: runs only after a change
  eventName: 'notifications',
}));

trigger.push(`notifications:${userId}`);                // in an after-save hook; it carries nothing
await trigger.pushAfter(() => orders.ship(id));         // around a transaction: pushed once, after it

export { trigger };
