import { createServer } from 'node:http';
import { type Channel, createChannel, createSession } from 'better-sse';
import express from 'express';
import type { Contestant } from './contestant.ts';
import { listen } from './listen.ts';
import { rowPublisher, subscribeRows } from './row-channel.ts';

/** A channel a key, broadcast to when its row comes over Redis. */
export const betterSse: Contestant = {
  name: 'better-sse',
  protocol: 'event-stream',

  async serve(settings, rows) {
    const channels = new Map<string, Channel>();
    const channelOf = (key: string) => {
      let channel = channels.get(key);
      if (channel === undefined) {
        channel = createChannel();
        channels.set(key, channel);
      }
      return channel;
    };
    await subscribeRows(settings, (key, row) => channels.get(key)?.broadcast(row));
    const app = express();
    app.get('/stream', async (req, res) => {
      const key = String(req.query.key);
      const session = await createSession(req, res, {
        keepAlive: settings.heartbeat || null,
        serializer: String, // rows are text already, and it would serialize them anew for each client
      });
      channelOf(key).register(session);
      if (settings.greet) session.push(await rows.read(key));
    });
    return { port: await listen(createServer(app), settings.port) };
  },

  publisher: rowPublisher,
};
