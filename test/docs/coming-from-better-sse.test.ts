import express, { type Express } from 'express';
import type { SseTrigger } from 'sse-trigger';
import { describe, expect, it } from 'vitest';
import { after } from '../../docs/examples/coming-from-better-sse/after.ts';
import { before } from '../../docs/examples/coming-from-better-sse/before.ts';
import { Orders } from '../../docs/examples/coming-from-better-sse/orders.ts';
import { serve } from '../support/serve.ts';
import { openStream } from '../support/stream-client.ts';

const PATH = '/orders/7/stream';
const packed = { event: 'order', data: '{"id":"7","status":"packed"}' };
const shipped = { event: 'order', data: '{"id":"7","status":"shipped"}' };

/** An application on a port, until it is disposed of. */
async function start(mount: (app: Express, orders: Orders) => SseTrigger | undefined) {
  const app = express();
  const trigger = mount(app, new Orders());
  const { url, ...served } = await serve(app);
  return {
    url,
    async [Symbol.asyncDispose]() {
      await trigger?.close();
      await served[Symbol.asyncDispose]();
    },
  };
}

/** What a client is sent first that comes back with the id of what it was sent. */
async function afterComingBack(mount: typeof before | typeof after) {
  await using app = await start(mount);
  const first = await openStream(app.url, PATH);
  const { id } = await first.next();
  await first[Symbol.asyncDispose]();
  await using again = await openStream(app.url, PATH, { headers: { 'last-event-id': id! }, deadline: 300 });
  return await again.next();
}

describe.each([
  ['better-sse', before],
  ['sse-trigger', after],
])('with %s', (_, mount) => {
  it('the page gets an order, and again when it has changed', async () => {
    await using app = await start(mount);
    await using stream = await openStream(app.url, PATH);
    expect(await stream.next()).toMatchObject(packed);
    expect((await fetch(`${app.url}/orders/7/ship`, { method: 'POST' })).status).toBe(204);
    expect(await stream.next()).toMatchObject(shipped);
  });
});

it('spares only with sse-trigger who has missed nothing', async () => {
  expect(await afterComingBack(before)).toMatchObject(packed);
  await expect(afterComingBack(after)).rejects.toThrow('sent nothing');
});

it('sends what a generator yields', async () => {
  await using app = await start(after);
  await using stream = await openStream(app.url, '/lines/stream');
  expect(await stream.next()).toMatchObject({ event: 'line', data: 'one' });
  expect(await stream.next()).toMatchObject({ event: 'line', data: 'two' });
});
