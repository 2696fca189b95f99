// What an application writes, compiled and run in projects of its own. Prints what its stream shows before and after a
// push, for each store.
import express, { type Request } from 'express';
import { Redis } from 'ioredis';
import { Keyv } from 'keyv';
import { SseTrigger, type Store, streamSse } from 'sse-trigger';
import { KeyvStore } from 'sse-trigger/keyv';
import { RedisStore } from 'sse-trigger/redis';
import { readEvents } from 'sse-trigger/testing';

async function show(store: Store): Promise<void> {
  const trigger = new SseTrigger<`order:${string}`>({ store });
  const orders = new Map([['a7', 'placed']]);
  const app = express();
  app.get(
    '/orders/:id',
    streamSse(trigger, {
      subject: (req: Request<{ id: string }>) => req.params.id,
      key: (id) => `order:${id}` as const,
      data: (id) => ({ id: id.toUpperCase(), state: orders.get(id) }),
    }),
  );
  for await (const { data } of readEvents(app, '/orders/a7')) {
    console.log(data);
    if (orders.get('a7') === 'shipped') break;
    orders.set('a7', 'shipped');
    console.log(await trigger.push('order:a7'));
  }
  await trigger.close();
}

async function main(): Promise<void> {
  await show(new KeyvStore(new Keyv()));
  const client = new Redis(process.env.REDIS_URL!);
  await show(new RedisStore(client));
  client.disconnect();
}

void main();
