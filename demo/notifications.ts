import { type Request, Router } from 'express';
import { eventStream, type Handler, type SseTrigger, streamSse } from 'sse-trigger';
import type { Database } from './database.ts';
import { exportNotifications } from './export.ts';
import type { Meter } from './meter.ts';
import { ANY_NOTIFICATION, type Key, Notification, readBells, toBellKey, toId } from './notification.ts';
import { Refusal } from './refusal.ts';
import { type Sessions, toSessionKey } from './sessions.ts';
import { requireName, requireUser, usersOf } from './sign-in.ts';
import { requireText } from './text-field.ts';
import { whileSignedIn } from './while-signed-in.ts';

export interface NotificationOptions {
  trigger: SseTrigger<Key>;
  orm: Database;
  meter: Meter;
  sessions: Sessions;
}

export function notificationRoutes({ trigger, orm, meter, sessions }: NotificationOptions): Router {
  const router = Router();

  // One stream for all users of a screen, since browsers open only six connections to a host.
  router.get(
    '/stream',
    // One for each bell, and that of the session.
    meter.count((req) => usersOf(req).length + 1),
    meter.record(usersOf),
    streamSse(trigger, {
      subject: (req: Request) => req.session.users,
      // Whoever signs in or out pushes the key of the session, and its streams end in every process.
      viewer: (req) => req.sessionID,
      authorize: (users, sessionID) => sessions.isOf(users, sessionID),
      authorizeKey: (_, sessionID) => toSessionKey(sessionID),
      key: (users) => users.map(toBellKey),
      data: (users) => readBells(orm.em.fork(), users),
      eventName: 'bells',
    }),
  );

  // Once the head of a stream is out it is too late to refuse.
  const exportedUser = (req: Request) => requireUser(req, req.query.user);
  router.get(
    '/export',
    (req, _res, next) => {
      exportedUser(req);
      next();
    },
    meter.record((req) => [exportedUser(req)]),
    eventStream(trigger, (req: Request, run) => {
      const rows = exportNotifications(orm.em.fork(), exportedUser(req), run);
      return whileSignedIn(sessions, req, rows, run);
    }),
  );

  router.post('/', async (req, res) => {
    const from = requireUser(req, req.body?.from);
    const to = requireName(req.body, 'to');
    const text = requireText(req.body, 'text', 200);
    const em = orm.em.fork();
    em.create(Notification, { from, to, text });
    await em.flush(); // and pushAfterSave does the rest
    res.status(201).end();
  });

  router.post('/read', async (req, res) => {
    const user = requireUser(req, req.body?.user);
    const upTo = toId(req.body.upTo);
    if (upTo === undefined) throw new Refusal(400, 'upTo must be the id of the newest one read');
    // Not those that came while somebody was still reading. No hook hears of a bulk update, so it pushes for itself.
    const seen = { to: user, id: { $lte: upTo }, read: false };
    await orm.em.fork().nativeUpdate(Notification, seen, { read: true });
    trigger.push(toBellKey(user));
    res.status(204).end();
  });

  router.post('/:id/read', async (req, res) => {
    const em = orm.em.fork();
    const notification = await em.findOne(Notification, {
      id: toId(req.params.id) ?? null,
      to: { $in: usersOf(req) },
    });
    if (notification === null) throw new Refusal(404, 'There is no such notification for you.');
    notification.read = true;
    await em.flush();
    res.status(204).end();
  });

  return router;
}

/** How many notifications were ever sent: a public stream, so one run of `data` does for all who look. */
export function sentStream(trigger: SseTrigger<Key>, orm: Database): Handler {
  return streamSse(trigger, {
    key: ANY_NOTIFICATION,
    data: async () => ({ sent: await orm.em.fork().count(Notification) }),
    eventName: 'sent',
    // Its crowd is not made of browsers, and would not come back.
    lifetime: 24 * 60 * 60 * 1000,
  });
}
