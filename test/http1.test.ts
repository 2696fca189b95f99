import type { IncomingMessage } from 'node:http';
import express, { type RequestHandler } from 'express';
import { expect, it } from 'vitest';
import { SseTrigger, type Stats, streamSse } from '../src/index.ts';
import { countedStream } from './support/counted-stream.ts';
import { deferred } from './support/deferred.ts';
import { connectRaw } from './support/raw-client.ts';
import { serve } from './support/serve.ts';
import { openStream } from './support/stream-client.ts';
import { until } from './support/until.ts';

/** What a trigger holds while nobody looks. */
const idle: Partial<Stats> = { streams: 0, keys: 0, storeDown: false };

it('streams to a client of HTTP/1.0, up to the end of the connection (W6)', async () => {
  await using trigger = new SseTrigger();
  await using app = await serve(countedStream(trigger).app);
  await using client = await connectRaw(app.port);
  client.send('GET /stream HTTP/1.0\r\n\r\n');
  expect(await client.until('{"id":7}\n\n')).not.toMatch(/transfer-encoding/i);
  await trigger.drain(0);
  expect(await client.untilClosed()).toMatch(/\{"id":7\}\n\nretry: \d+\n\n$/);
});

it('streams to a client that announces a body and never sends all of it, and sees it leave (W6)', async () => {
  await using trigger = new SseTrigger();
  await using app = await serve(countedStream(trigger).app);
  {
    await using client = await connectRaw(app.port);
    client.send('GET /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n');
    await client.until('{"id":7}');
    // More than Node takes in before it stops to read, and would not see the end either.
    await client.send('x'.repeat(1_000_000));
  }
  await until(() => trigger.stats().streams === 0);
  expect(trigger.stats()).toMatchObject(idle);
});

it('keeps nothing of a body that has come whole (W6)', async () => {
  await using trigger = new SseTrigger();
  let request: IncomingMessage | undefined;
  const handler = streamSse(trigger, {
    async subject(req) {
      request = req;
      await until(() => req.complete);
      return 7;
    },
    key: () => 'a',
    data: (id) => ({ id }),
  });
  await using app = await serve(express().use('/stream', handler));
  await using client = await connectRaw(app.port);
  const body = 'x'.repeat(50_000);
  client.send(`GET /stream HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await client.until('{"id":7}');
  await until(() => request?.readableLength === 0);
});

it('lets Node end a request that never comes to its end (W6)', async () => {
  await using trigger = new SseTrigger();
  const limits = { requestTimeout: 50, connectionsCheckingInterval: 10 };
  await using app = await serve(countedStream(trigger).app, limits);
  await using client = await connectRaw(app.port);
  client.send('GET /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n');
  await client.until('retry: ');
  await client.untilClosed();
  await until(() => trigger.stats().streams === 0);
  expect(trigger.stats()).toMatchObject(idle);
});

it('tells a request that waits behind another one on its connection to come back (W10)', async () => {
  await using trigger = new SseTrigger();
  const { handler, calls } = countedStream(trigger);
  const slow = deferred();
  const answerSlowly: RequestHandler = async (_req, res) => {
    await slow.promise;
    res.send('slow');
  };
  await using app = await serve(express().get('/slow', answerSlowly).get('/stream', handler));
  await using client = await connectRaw(app.port);
  client.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /stream HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => trigger.stats().refused.pipelined === 1);
  slow.resolve();
  const [, retry] = /: later\nretry: (\d+)\n\n/.exec(await client.untilClosed()) ?? [];
  expect(Number(retry)).toBeGreaterThanOrEqual(2000);
  expect(Number(retry)).toBeLessThanOrEqual(5000);
  expect(calls.subject).toBe(0);
});

it('keeps nothing of 5,000 pipelined requests whose connection closes (W10)', async () => {
  await using trigger = new SseTrigger();
  // Node stops reading a connection on which too many answers wait, so that only a write finds out that it is closed.
  const { app: streams, calls } = countedStream(trigger, 50);
  await using app = await serve(streams);
  {
    await using client = await connectRaw(app.port);
    client.send('GET /stream HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(5000));
    await client.until('{"id":7}');
    await until(() => trigger.stats().refused.pipelined > 0);
  }
  await until(() => trigger.stats().streams === 0);
  expect(trigger.stats()).toMatchObject({ ...idle, runs: 1 });
  expect(calls).toEqual({ subject: 1, key: 1, data: 1 });
  await using stream = await openStream(app.url, '/stream');
  expect(await stream.next()).toMatchObject({ data: '{"id":7}' });
});
