// A process of an application that is to bear a crowd, and says what that costs it.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { Redis } from 'ioredis';
import { SseTrigger, streamSse } from 'sse-trigger';
import { RedisStore } from 'sse-trigger/redis';
import { holdings } from './holdings.js';

const { REDIS_URL, MAX_RUNS = '32', WRITE_TIMEOUT = '30000' } = process.env;
const redis = REDIS_URL && new Redis(REDIS_URL);
const trigger = new SseTrigger({
  store: redis ? new RedisStore(redis) : undefined,
  maxRuns: Number(MAX_RUNS),
});
const app = express();

const FRAME = 'x'.repeat(20_000);
let frames = 0;
app.get(
  '/frames',
  streamSse(trigger, {
    key: 'frames',
    data: () => `${frames} ${FRAME}`,
    throttle: 0,
    writeTimeout: Number(WRITE_TIMEOUT),
  }),
);
app.post('/frames', async (_req, res) => {
  frames += 1;
  res.json({ frames, stored: await trigger.push('frames') });
});

const runs = { now: 0, most: 0 };
app.get(
  '/own/:id',
  streamSse(trigger, {
    subject: (req) => req.params.id,
    key: (id) => `own:${id}`,
    data: async (id) => {
      runs.now += 1;
      runs.most = Math.max(runs.most, runs.now);
      await sleep(5);
      runs.now -= 1;
      return id;
    },
  }),
);

// What an application would do without the package: no limit, no batches, no session of anything.
app.get('/bare/:id', async (req, res) => {
  res.writeHead(200, { 'Content-Type': 'text/event-stream' });
  res.write(': open\n\n');
  await sleep(5);
  res.write(`data: ${req.params.id}\n\n`);
});

let loop = monitorEventLoopDelay({ resolution: 2 });
loop.enable();
/** The longest that the event loop was held up since this was asked last, in milliseconds. */
app.post('/stall', (_req, res) => {
  loop.disable();
  res.json({ ms: loop.max / 1e6 });
  loop = monitorEventLoopDelay({ resolution: 2 });
  loop.enable();
});

app.get('/stats', (_req, res) => res.json({ ...trigger.stats(), mostRuns: runs.most }));

/** In bytes. */
app.post('/memory', async (_req, res) => {
  const { heap, external, rss } = await holdings();
  res.json({ held: heap + external, rss });
});

const server = app.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  console.log(server.address().port),
);
