import '../session-data.ts';
import express from 'express';
import session from 'express-session';
import { Redis } from 'ioredis';
import { SseTrigger, streamSse } from 'sse-trigger';
import { RedisStore } from 'sse-trigger/redis';

export const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', { lazyConnect: true });
export const trigger = new SseTrigger({ store: new RedisStore(redis) });

/** A database of which only this is needed. */
const rows: { userId: string; item: string }[] = [];
const db = {
  ordersOf: async (userId: string) => rows.filter((row) => row.userId === userId),
  transaction: async (work: () => Promise<void>) => work(),
  insert: async (row: { userId: string; item: string }) => void rows.push(row),
};

export const app = express();
app.use(express.json(), session({ secret: 'secret', resave: false, saveUninitialized: false }));
app.post('/sign-in/:userId', (req, res) => {
  req.session.userId = req.params.userId;
  res.end();
});

app.get('/orders/stream', streamSse(trigger, {
  subject: (req) => req.session.userId,          // whose orders; nothing answers 401
  key: (userId) => `orders:${userId}`,
  data: (userId) => db.ordersOf(userId),         // never sees req, only the subject
}));

app.post('/orders', async (req, res) => {
  const { userId } = req.session;
  if (userId === undefined) return res.sendStatus(401);
  await trigger.pushAfter(() => db.transaction(async () => {
    await db.insert({ userId, item: req.body.item });
    trigger.push(`orders:${userId}`);            // held until the transaction is over
  }));
  return res.sendStatus(201);
});
