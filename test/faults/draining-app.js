// A process of an application that ends upon SIGTERM by the recipe of the README. A save is answered before its push is
// in the store.
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { Redis } from 'ioredis';
import { SseTrigger, streamSse } from 'sse-trigger';
import { RedisStore } from 'sse-trigger/redis';
import { endUponSigterm } from '../../docs/examples/deployment/shutdown.js';

const redis = new Redis(process.env.REDIS_URL);
redis.on('error', () => {});
const trigger = new SseTrigger({ store: new RedisStore(redis), poll: 500, onError: () => {} });
const app = express();
let saves = 0;
let underWay = 0;

app.get('/stream', streamSse(trigger, { key: 'saves', data: () => ({ saves }) }));

app.post('/saves', async (req, res) => {
  underWay += 1;
  await sleep(Number(req.query.takes));
  underWay -= 1;
  saves += 1;
  void trigger.push(['saves', `save:${saves}`]);
  res.json({ save: saves });
});

app.get('/saves', (_req, res) => res.json({ underWay, unsent: trigger.stats().unsent }));

const server = app.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  console.log(server.address().port),
);

// All but the window is as users are told to write it.
const drain = () => trigger.drain(Number(process.env.DRAIN));
endUponSigterm({ server, redis, trigger: { drain, close: () => trigger.close() } });
