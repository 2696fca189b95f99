import { Redis } from 'ioredis';
import type { Publisher, Settings } from './contestant.ts';

const CHANNEL = 'rows';

/** For those that have no way of their own from the process that saves to the ones that serve: rows over Redis pub/sub. */
export function rowPublisher({ redisUrl }: Settings): Publisher {
  const redis = new Redis(redisUrl);
  return { publish: (key, row) => redis.publish(CHANNEL, `${key} ${row}`) };
}

/** Calls `onRow` with each row that is published. */
export async function subscribeRows(
  { redisUrl }: Settings,
  onRow: (key: string, row: string) => void,
): Promise<void> {
  const redis = new Redis(redisUrl);
  redis.on('message', (_, message) => {
    const space = message.indexOf(' ');
    onRow(message.slice(0, space), message.slice(space + 1));
  });
  await redis.subscribe(CHANNEL);
}
