import { SseTrigger } from 'sse-trigger';
import request from 'supertest';
import { afterAll, expect, it } from 'vitest';
import { createApp } from './app.ts';

const trigger = new SseTrigger();
const app = createApp(trigger);
afterAll(() => trigger.close());

it('shows an order to nobody but its owner', async () => {
  await request(app).get('/orders/7/stream').expect(401);
  await request(app).get('/orders/7/stream').set('x-user', 'owner of 8').expect(403);
});

it('exports in two steps', async () => {
  const { text } = await request(app)
    .get('/export/stream')
    .expect('content-type', /^text\/event-stream/);
  expect(text).toMatch(/"done":50.*"done":100/s);
});
