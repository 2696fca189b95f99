import { streamSse } from 'sse-trigger';
import type { Page, Parts } from './parts.ts';

export function ticker({ app, trigger, redis }: Parts) {
  /** Called by whatever gets the prices, in one process or in several. */
  async function onPrice(symbol: string, price: number): Promise<void> {
    await redis.hset('prices', symbol, price);
    trigger.push('prices');
  }

  app.get('/ticker/stream', streamSse(trigger, {
    key: 'prices',
    data: () => redis.hgetall('prices'),
    eventName: 'prices',
    throttle: 250,    // four looks a second at most, whatever the exchange does
  }));

  return onPrice;
}

export function tickerPage({ EventSource, show }: Page): void {
  new EventSource('/ticker/stream').addEventListener('prices', ({ data }) => show(JSON.parse(data)));
}
