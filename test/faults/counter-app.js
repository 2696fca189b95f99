// A process of an application, for tests that need several: it counts saves in Redis, and streams the count.
import express from 'express';
import { Redis } from 'ioredis';
import { SseTrigger, streamSse } from 'sse-trigger';
import { RedisStore } from 'sse-trigger/redis';

const database = new Redis(process.env.REDIS_URL);
database.on('error', () => {});
const trigger = new SseTrigger({
  store: new RedisStore(database, { wake: process.env.WAKE !== 'off' }),
  poll: Number(process.env.POLL ?? 2000),
  onError: () => {},
});
const app = express();

app.get(
  '/count/stream',
  streamSse(trigger, { key: 'count', data: async () => ({ count: Number(await database.get('count')) }) }),
);

app.post('/saves', async (_req, res) => {
  await database.incr('count');
  res.json({ stored: await trigger.push('count') });
});

app.get('/stats', (_req, res) => res.json(trigger.stats()));

const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
