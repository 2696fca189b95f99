// A process of an application, for tests that need several: it counts saves in Redis, and streams the counts.
import express from 'express';
import { Redis } from 'ioredis';
import { SseTrigger, streamSse } from 'sse-trigger';
import { RedisStore } from 'sse-trigger/redis';

const { REDIS_URL, DATABASE_URL = REDIS_URL, PORT = '0' } = process.env;
const database = new Redis(DATABASE_URL);
database.on('error', () => {});
const trigger = new SseTrigger({
  store: new RedisStore(new Redis(REDIS_URL, { lazyConnect: true }), { wake: process.env.WAKE !== 'off' }),
  poll: Number(process.env.POLL ?? 2000),
  storeTimeout: Number(process.env.STORE_TIMEOUT ?? 1000),
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

/** Many counts, each with a stream of its own. */
app.get(
  '/counts/:name/stream',
  streamSse(trigger, {
    subject: (req) => req.params.name,
    key: (name) => `counts:${name}`,
    data: async (name) => ({ count: Number(await database.get(`counts:${name}`)) }),
    maxPerViewer: 1000,
    retry: [100, 500],
  }),
);

app.post('/counts/:name/saves', async (req, res) => {
  const { name } = req.params;
  await database.incr(`counts:${name}`);
  res.json({ stored: await trigger.push(`counts:${name}`) });
});

app.get('/stats', (_req, res) => res.json(trigger.stats()));

const server = app.listen(Number(PORT), '127.0.0.1', () => console.log(server.address().port));
