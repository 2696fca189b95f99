import '../session-data.ts';
import { createHash } from 'node:crypto';
import express from 'express';
import session, { MemoryStore } from 'express-session';
import { SseTrigger, streamSse } from 'sse-trigger';

export const app = express();
export const trigger = new SseTrigger();
export const store = new MemoryStore();

app.use(session({ store, secret: 'secret', resave: false, saveUninitialized: false }));
app.post('/sign-in/:userId', (req, res) => {
  req.session.userId = req.params.userId;
  res.end();
});
const inboxOf = (userId: string) => [`Welcome, ${userId}.`];

/** Not the id itself, since keys can be read by more people than cookies. */
const toKey = (sessionID: string) => `session:${createHash('sha256').update(sessionID).digest('base64url')}`;

function userOf(sessionID: string): Promise<string | undefined> {
  return new Promise((resolve, reject) =>
    store.get(sessionID, (error, found) => (error ? reject(error) : resolve(found?.userId))),
  );
}

app.get('/inbox/stream', streamSse(trigger, {
  subject: (req) => req.session.userId,
  viewer: (req) => req.sessionID,
  authorize: async (userId, sessionID) => (await userOf(sessionID)) === userId,
  authorizeKey: (_, sessionID) => toKey(sessionID),
  key: (userId) => `inbox:${userId}`,
  data: (userId) => inboxOf(userId),
}));

app.post('/sign-out', (req, res, next) => {
  const { sessionID } = req;
  req.session.destroy((error) => {
    if (error) return next(error);
    trigger.push(toKey(sessionID));
    res.sendStatus(204);
  });
});
