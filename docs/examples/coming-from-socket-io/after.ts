import '../session-data.ts';
import type { Express, Request } from 'express';
import { SseTrigger, streamSse } from 'sse-trigger';
import type { Notifications } from './notifications.ts';

export function after(app: Express, notifications: Notifications): SseTrigger {
  const trigger = new SseTrigger();

  app.get('/notifications/stream', streamSse(trigger, {
    subject: (req: Request) => req.session.userId,
    key: (userId) => `notifications:${userId}`,
    data: (userId) => notifications.unreadOf(userId),    // also when it opens, and after any gap
    eventName: 'notifications',
  }));

  app.post('/notifications/:id/read', async (req, res) => {
    const { userId } = req.session;
    if (userId === undefined) return void res.sendStatus(401);
    await notifications.read(userId, Number(req.params.id));
    trigger.push(`notifications:${userId}`);
    res.sendStatus(204);
  });

  app.post('/users/:id/notifications/:text', async (req, res) => {
    const { id, text } = req.params;
    await notifications.add(id, text);
    trigger.push(`notifications:${id}`);
    res.sendStatus(201);
  });

  return trigger;
}
