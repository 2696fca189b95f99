import express from 'express';
import { Redis } from 'ioredis';
import { SseTrigger, streamSse } from 'sse-trigger';
import { RedisStore } from 'sse-trigger/redis';
import { endUponSigterm } from './shutdown.js';

const redis = new Redis(process.env.REDIS_URL);
redis.on('error', (error) => console.error(error.message));

const trigger = new SseTrigger({
  store: new RedisStore(redis),
  maxStreams: 10_000,
  onError: ({ code, key, route, cause }) => console.error(code, key, route, cause),
});

const app = express();
app.get('/healthz', (_req, res) => res.sendStatus(200));    // asks no Redis: streams live on without it

app.get('/orders/stream', streamSse(trigger, {
  key: 'orders',
  data: () => redis.get('orders'),
}));

app.post('/orders', async (_req, res) => {
  await redis.incr('orders');
  trigger.push('orders');
  res.sendStatus(201);
});

const server = app.listen(process.env.PORT ?? 3000, process.env.HOST, () => {
  console.log(`http://localhost:${server.address().port}`);
});
endUponSigterm({ server, trigger, redis });
