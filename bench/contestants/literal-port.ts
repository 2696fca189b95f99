import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { Redis } from 'ioredis';
import { now } from '../now.ts';
import type { Contestant } from './contestant.ts';
import { listen } from './listen.ts';

/**
 * The original pattern as it would be without a second thought: a save writes a timestamp at its key, and each stream has
 * a loop of its own that asks for it. What `write` returns is ignored, as it is there.
 */
export const literalPort: Contestant = {
  name: 'literal-port',
  protocol: 'event-stream',

  async serve({ redisUrl, port, poll, heartbeat }, rows) {
    const redis = new Redis(redisUrl);
    const app = express();
    app.get('/stream', async (req, res) => {
      const key = String(req.query.key);
      res.set({
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-cache',
        'X-Accel-Buffering': 'no',
      });
      res.write(': welcome\n\n');
      let shown: string | null | undefined;
      let wroteAt = Date.now();
      while (!res.destroyed) {
        const saved = await redis.get(`saved:${key}`);
        if (saved !== shown) {
          res.write(`id: ${saved}\ndata: ${await rows.read(key)}\n\n`);
          shown = saved;
          wroteAt = Date.now();
        } else if (heartbeat > 0 && Date.now() - wroteAt >= heartbeat) {
          res.write(': heartbeat\n\n');
          wroteAt = Date.now();
        }
        await sleep(poll);
      }
    });
    return { port: await listen(createServer(app), port) };
  },

  publisher({ redisUrl }) {
    const redis = new Redis(redisUrl);
    // Of microseconds, since two saves in one millisecond would count as one.
    return { publish: (key) => redis.set(`saved:${key}`, Math.round(now())) };
  },
};
