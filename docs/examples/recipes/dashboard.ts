import type { RequestHandler } from 'express';
import { streamSse } from 'sse-trigger';
import type { Page, Parts } from './parts.ts';

interface Order { total: number; shipped: boolean }

/** A table of a database. */
const orders: Order[] = [];
const salesToday = async () => orders.reduce((sum, { total }) => sum + total, 0);
const waitingParcels = async () => orders.filter(({ shipped }) => !shipped).length;

const requireStaff: RequestHandler = (req, res, next) =>
  req.session.userId === 'staff' ? next() : res.sendStatus(403);

export function dashboard({ app, trigger }: Parts): void {
  app.post('/orders/:total', async (req, res) => {
    orders.push({ total: Number(req.params.total), shipped: false });
    trigger.push('orders');
    res.sendStatus(201);
  });

  app.get('/dashboard/stream', requireStaff, streamSse(trigger, {
    feeds: [
      { eventName: 'sales', key: 'orders', data: () => salesToday() },
      { eventName: 'waiting', key: ['orders', 'parcels'], data: () => waitingParcels() },
    ],
    throttle: 1000,   // a query a second at most, however many orders come
    resync: 60_000,   // one a minute at least: a day ends without a save
  }));

  app.post('/parcels', async (_req, res) => {
    for (const order of orders) order.shipped = true;
    trigger.push('parcels');
    res.sendStatus(201);
  });
}

export function dashboardPage({ EventSource, show }: Page): void {
  const source = new EventSource('/dashboard/stream');
  source.addEventListener('sales', ({ data }) => show({ sales: JSON.parse(data) }));
  source.addEventListener('waiting', ({ data }) => show({ waiting: JSON.parse(data) }));
}
