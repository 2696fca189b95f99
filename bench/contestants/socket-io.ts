import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';
import type { Contestant } from './contestant.ts';
import { listen } from './listen.ts';

const A_DAY = 24 * 60 * 60 * 1000;

/** A room a key, emitted to by the process that saves, over the Redis adapter. WebSockets only, uncompressed. */
export const socketIo: Contestant = {
  name: 'socket.io',
  protocol: 'socket.io',

  async serve(settings, rows) {
    const server = createServer();
    const io = new Server(server, {
      adapter: adapterOf(settings.redisUrl),
      transports: ['websocket'],
      perMessageDeflate: false,
      serveClient: false,
      pingInterval: settings.heartbeat || A_DAY,
    });
    // Its documentation on memory usage recommends it. The query goes with the request, so the key comes in `auth`.
    io.engine.on('connection', (socket) => {
      socket.request = null;
    });
    io.on('connection', async (socket) => {
      const key = String(socket.handshake.auth.key);
      await socket.join(key);
      if (settings.greet) socket.emit('row', JSON.parse(await rows.read(key)));
    });
    return { port: await listen(server, settings.port) };
  },

  publisher({ redisUrl }) {
    const io = new Server({ adapter: adapterOf(redisUrl) });
    return { publish: async (key, row) => io.to(key).emit('row', JSON.parse(row)) };
  },
};

function adapterOf(redisUrl: string) {
  const redis = new Redis(redisUrl);
  return createAdapter(redis, redis.duplicate());
}
