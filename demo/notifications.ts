import { type Request, Router } from 'express';
import { type SseTrigger, streamSse } from 'sse-trigger';
import type { Database } from './database.ts';
import { type BellKey, Notification, readBell, toBellKey } from './notification.ts';
import { Refusal, requireText } from './refusal.ts';
import { requireName, requireUser } from './sign-in.ts';

export function notificationRoutes(trigger: SseTrigger<BellKey>, orm: Database): Router {
  const router = Router();

  router.get(
    '/stream',
    streamSse(trigger, {
      subject: (req: Request) => req.session.userName,
      key: toBellKey,
      data: (user) => readBell(orm.em.fork(), user),
      eventName: 'notifications',
    }),
  );

  router.post('/', async (req, res) => {
    const from = requireUser(req);
    const to = requireName(req.body, 'to');
    const text = requireText(req.body, 'text', 200);
    const em = orm.em.fork();
    em.create(Notification, { from, to, text });
    await em.flush(); // and PushOnSave does the rest
    res.status(201).end();
  });

  router.post('/read', async (req, res) => {
    const user = requireUser(req);
    const { upTo } = Object(req.body) as { upTo?: unknown };
    if (!Number.isSafeInteger(upTo)) throw new Refusal(400, 'upTo must be the id of the newest one read');
    // Not those that came while somebody was still reading. A bulk update calls no hook, so it pushes for itself.
    const seen = { to: user, id: { $lte: upTo as number }, read: false };
    await orm.em.fork().nativeUpdate(Notification, seen, { read: true });
    trigger.push(toBellKey(user));
    res.status(204).end();
  });

  return router;
}
