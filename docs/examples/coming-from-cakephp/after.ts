import '../session-data.ts';
import type { Express, Request } from 'express';
import type { Redis } from 'ioredis';
import { SseTrigger, streamSse } from 'sse-trigger';
import { RedisStore } from 'sse-trigger/redis';
import type { Notifications } from '../coming-from-socket-io/notifications.ts';

export function after(app: Express, redis: Redis, notifications: Notifications): SseTrigger {
  const trigger = new SseTrigger({ store: new RedisStore(redis), poll: 2000 });

  app.get('/notifications/stream', streamSse(trigger, {
    subject: (req: Request) => req.session.userId,
    key: (userId) => `user_notifications_${userId}`,
    data: (userId) => notifications.unreadOf(userId),
    eventName: 'new_notification',
    heartbeat: 15_000,
  }));

  app.post('/users/:id/notifications/:text', async (req, res) => {
    const { id, text } = req.params;
    await notifications.add(id, text);
    trigger.push(`user_notifications_${id}`);            // or leave it to the hook of your ORM
    res.sendStatus(201);
  });

  return trigger;
}
