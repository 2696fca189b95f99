// A process of an application, for tests that need several: it counts saves in Redis, and streams the counts.
import express from 'express';
import { Redis } from 'ioredis';
import { SseTrigger, streamSse } from 'sse-trigger';
import { RedisStore } from 'sse-trigger/redis';
import { countResponse, holdings } from './holdings.js';

const { REDIS_URL, DATABASE_URL = REDIS_URL, PORT = '0', PADDING = '0', LEAK } = process.env;
const database = new Redis(DATABASE_URL);
database.on('error', () => {});

/** Each has the package keep what it is to let go of. */
const leaks = {
  connections: async () => {
    const { IoredisDriver } = await import('../../dist/stores/ioredis-driver.js');
    IoredisDriver.prototype.disconnect = () => {};
  },
  frames: async () => {
    const { FeedConnection } = await import('../../dist/feed-connection.js');
    const { offer } = FeedConnection.prototype;
    const kept = new Set();
    FeedConnection.prototype.offer = function (slot, frame) {
      kept.add(frame);
      offer.call(this, slot, frame);
    };
  },
};
if (LEAK !== undefined) await leaks[LEAK]();

const client = new Redis(REDIS_URL, { lazyConnect: true });
const trigger = new SseTrigger({
  store: new RedisStore(client, { wake: process.env.WAKE !== 'off' }),
  poll: Number(process.env.POLL ?? 2000),
  storeTimeout: Number(process.env.STORE_TIMEOUT ?? 1000),
  onError: () => {},
});
const app = express();
app.use(countResponse);

app.get(
  '/count/stream',
  streamSse(trigger, { key: 'count', data: async () => ({ count: Number(await database.get('count')) }) }),
);

app.post('/saves', async (_req, res) => {
  await database.incr('count');
  res.json({ stored: await trigger.push('count') });
});

const padding = 'x'.repeat(Number(PADDING));
/** Many counts, each with a stream of its own. */
app.get(
  '/counts/:name/stream',
  streamSse(trigger, {
    subject: (req) => req.params.name,
    key: (name) => `counts:${name}`,
    data: async (name) => ({ count: Number(await database.get(`counts:${name}`)), padding }),
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

/** Beside the connections of clients, some of which have not asked for anything. */
app.post('/holdings', async (_req, res) => {
  server.closeIdleConnections();
  const { heap, external, files, handles, ...others } = await holdings(client, database, server);
  server.getConnections((_error, connections) => {
    const own = { files: files - connections, handles: handles - connections };
    res.json({ ...others, ...own, heap: heap + external });
  });
});

const server = app.listen(Number(PORT), '127.0.0.1', () => console.log(server.address().port));
