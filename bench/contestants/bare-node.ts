import { createServer } from 'node:http';
import { BareStreams } from './bare-streams.ts';
import type { Contestant } from './contestant.ts';
import { listen } from './listen.ts';
import { rowPublisher } from './row-channel.ts';

/** `node:http` and nothing else. */
export const bareNode: Contestant = {
  name: 'bare-node',
  protocol: 'event-stream',

  async serve(settings, rows) {
    const streams = new BareStreams(settings, rows);
    await streams.subscribe();
    const server = createServer((req, res) => {
      const { searchParams } = new URL(req.url!, 'http://127.0.0.1');
      void streams.open(searchParams.get('key')!, res);
    });
    return { port: await listen(server, settings.port) };
  },

  publisher: rowPublisher,
};
