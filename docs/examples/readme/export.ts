import type { RequestHandler } from 'express';
import { eventStream } from 'sse-trigger';
import { app } from './application.ts';
import { trigger } from './notifications.ts';

const requireUser: RequestHandler = (req, res, next) => {
  if (req.session.userId === undefined) res.sendStatus(401);
  else next();
};

/** Three steps, from the one after `after` on. */
async function* exportOf(userId: string | undefined, { after }: { after: string | undefined; signal: AbortSignal }) {
  for (let step = Number(after ?? 0) + 1; step <= 3; step += 1) yield { id: `${step}`, done: `${userId}: ${step}/3` };
}

app.get('/export/stream', requireUser, eventStream(trigger, async function* (req, { signal, lastEventId }) {
  for await (const { id, done } of exportOf(req.session.userId, { after: lastEventId, signal })) {
    yield { id, event: 'progress', data: { done } };    // asked for the next one when the client has taken this one
  }
}, { heartbeat: 5_000 }));                              // takes heartbeat, retry, writeTimeout, lifetime, allowOrigins
