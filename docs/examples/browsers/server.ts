import '../session-data.ts';
import express from 'express';
import session from 'express-session';
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
  app.use(session({ secret: 'secret', resave: false, saveUninitialized: false }));
  app.post('/sign-in', (req, res) => {
    req.session.userId = 'alice';
    res.end();
  });
  app.get('/orders/stream', streamSse(trigger, {
    subject: (req) => req.session.userId,
    key: 'orders',
    data: () => orders,
    allowOrigins,                     // ['https://shop.example.org']
  }));
  return app;
}
