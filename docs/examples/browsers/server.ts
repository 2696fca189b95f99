import express from 'express';
import { SseTrigger, streamSse } from 'sse-trigger';

export const trigger = new SseTrigger();

let orders = 0;
export function order(): void {
  orders += 1;
  trigger.push('orders');
}

/** An application whose stream the pages of other origins may open, too. */
export function toApp(allowOrigins: readonly string[]) {
  const app = express();
  app.get('/orders/stream', streamSse(trigger, {
    subject: (req) => /user=(\w+)/.exec(req.headers.cookie ?? '')?.[1],
    key: 'orders',
    data: () => orders,
    allowOrigins,                     // ['https://shop.example.org']
  }));
  return app;
}
