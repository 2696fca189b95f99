import { createServer } from 'node:http';
import express from 'express';
import SSE from 'express-sse';
import type { Contestant } from './contestant.ts';
import { listen } from './listen.ts';
import { rowPublisher, subscribeRows } from './row-channel.ts';

/**
 * An SSE object a key, which is sent what comes over Redis. It has no heartbeats.
 *
 * What it calls initial is sent to all of its clients with each one that comes, which ten thousand of them never live to
 * see the end of. So that is off, and newcomers get their row by hand.
 */
export const expressSse: Contestant = {
  name: 'express-sse',
  protocol: 'event-stream',

  async serve(settings, rows) {
    const streams = new Map<string, SSE>();
    const streamsOf = (key: string) => {
      let sse = streams.get(key);
      if (sse === undefined) {
        sse = new SSE([], { isSerialized: false });
        streams.set(key, sse);
      }
      return sse;
    };
    await subscribeRows(settings, (key, row) => streams.get(key)?.send(JSON.parse(row)));
    const app = express();
    app.get('/stream', async (req, res) => {
      const key = String(req.query.key);
      streamsOf(key).init(req, res);
      res.write(settings.greet ? `data: ${await rows.read(key)}\n\n` : ': welcome\n\n');
    });
    return { port: await listen(createServer(app), settings.port) };
  },

  publisher: rowPublisher,
};
