import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SseTrigger, type Store } from 'sse-trigger';
import { createApp } from './app.ts';
import { openDatabase } from './database.ts';
import type { BellKey } from './notification.ts';

// What these are is told in .env.example; an empty one counts as not set.
const { PORT, REDIS_URL, DATABASE_FILE, SESSION_SECRET } = process.env;

const trigger = new SseTrigger<BellKey>({ store: REDIS_URL ? await redisStore(REDIS_URL) : undefined });
const orm = await openDatabase(DATABASE_FILE || 'demo/bell.sqlite', trigger);
const app = createApp({ trigger, orm, sessionSecret: SESSION_SECRET || randomUUID() });

const server = app.listen(Number(PORT || 3000));
await once(server, 'listening');
console.log(`The bell rings at http://localhost:${(server.address() as AddressInfo).port}`);

// A second signal ends the process at once.
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);

const closed = once(server, 'close');
server.close();
await trigger.drain(1000);
// Browsers open connections for requests that may never come, and nobody else ends those.
setTimeout(() => server.closeAllConnections(), 100).unref();
await closed;
await trigger.close();
await orm.close();

async function redisStore(url: string): Promise<Store> {
  const [{ Redis }, { RedisStore }] = await Promise.all([import('ioredis'), import('sse-trigger/redis')]);
  // It only says where to: the store makes and closes connections of its own.
  return new RedisStore(new Redis(url, { lazyConnect: true }));
}
