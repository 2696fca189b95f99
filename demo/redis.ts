import { RedisStore as RedisSessionStore } from 'connect-redis';
import { Redis } from 'ioredis';
import { RedisStore } from 'sse-trigger/redis';

/** Versions and sessions in one Redis, for several processes. */
export async function openRedis(url: string) {
  // Whoever asks for a page must not wait until Redis is back, which is what ioredis would do by itself.
  const client = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 1000,
  });
  // Without a listener an outage would end the process. There is nothing more to do: each command fails for itself.
  client.on('error', () => {});
  // It goes on trying.
  await client.connect().catch(() => {});
  return {
    // This only tells where to: the store makes and closes connections of its own.
    versions: new RedisStore(client),
    // A row that lives longer than the cookie is of no use, so requests do not prolong it.
    sessions: new RedisSessionStore({ client, prefix: 'bell:session:', disableTouch: true }),
    close: () => client.disconnect(),
  };
}
