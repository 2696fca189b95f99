import { createServer } from 'node:http';
import express from 'express';
import { BareStreams } from './bare-streams.ts';
import type { Contestant } from './contestant.ts';
import { listen } from './listen.ts';
import { rowPublisher } from './row-channel.ts';

/** An Express app that writes its event streams itself, as tutorials show it. */
export const bareExpress: Contestant = {
  name: 'bare-express',
  protocol: 'event-stream',

  async serve(settings, rows) {
    const streams = new BareStreams(settings, rows);
    await streams.subscribe();
    const app = express();
    app.get('/stream', (req, res) => streams.open(String(req.query.key), res));
    return { port: await listen(createServer(app), settings.port) };
  },

  publisher: rowPublisher,
};
