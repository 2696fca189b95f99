import { RedisStore as RedisSessionStore } from 'connect-redis';
import { Redis } from 'ioredis';
import { RedisStore } from 'sse-trigger/redis';
import { reasonOf } from './reason.ts';

/** Versions and sessions in one Redis, for several processes. */
export async function openRedis(url: string) {
  const client = makeClient(url);
  // Without a listener an outage would end the process. Each command fails for itself, and each attempt to connect tells
  // the same again.
  let isAway = false;
  client.on('error', (error) => {
    if (!isAway) console.error(complaint(error));
    isAway = true;
  });
  client.on('ready', () => {
    isAway = false;
  });
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

function makeClient(url: string): Redis {
  try {
    // Whoever asks for a page must not wait until Redis is back, which is what ioredis would do by itself.
    return new Redis(url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: 1000,
    });
  } catch (error) {
    throw new Error(complaint(error), { cause: error });
  }
}

/** Without the URL, which may have a password in it. */
function complaint(error: unknown): string {
  return `Redis cannot be used at REDIS_URL: ${reasonOf(error)}`;
}
