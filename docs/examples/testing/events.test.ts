import { SseTrigger } from 'sse-trigger';
import { readEvents } from 'sse-trigger/testing';
import { afterAll, expect, it } from 'vitest';
import { createApp, statuses } from './app.ts';

const trigger = new SseTrigger();
const app = createApp(trigger);
afterAll(() => trigger.close());

it('shows that an order was shipped', async () => {
  statuses.set('7', 'packed');
  const events = readEvents(app, '/orders/7/stream', { headers: { 'x-user': 'owner of 7' } });
  expect((await events.next()).value).toMatchObject({ data: 'packed' });

  statuses.set('7', 'shipped');
  trigger.push('order:7');
  expect((await events.next()).value).toMatchObject({ data: 'shipped' });
  await events.return();
});
