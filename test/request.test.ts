import type { ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import request from 'supertest';
import { expect, it } from 'vitest';
import { SseTrigger, type Stats, streamSse } from '../src/index.ts';
import { countedStream } from './support/counted-stream.ts';
import { deferred } from './support/deferred.ts';
import { connectRaw } from './support/raw-client.ts';
import { head, serve } from './support/serve.ts';
import { openStream } from './support/stream-client.ts';
import { STREAM_HEAD } from './support/stream-head.ts';
import { until } from './support/until.ts';

/** What a trigger holds while nobody looks. */
const idle: Partial<Stats> = { streams: 0, keys: 0, storeDown: false };

it('has this head and no other', async () => {
  await using trigger = new SseTrigger();
  const { handler } = countedStream(trigger);
  await using app = await serve((req, res) => handler(req, res, () => {}));
  const response = await head(app.url);
  const { date: _, ...headers } = response.headers;
  expect(response.statusCode).toBe(200);
  expect(headers).toEqual({
    ...STREAM_HEAD,
    connection: 'close',
  });
  response.destroy();
});

it('leaves headers that the application has set, but for an ETag', async () => {
  await using trigger = new SseTrigger();
  const before: RequestHandler = (_req, res, next) => {
    res.set({
      'Content-Type': 'text/event-stream; charset=UTF-8; v=2',
      'Cache-Control': 'no-cache',
      'X-Accel-Buffering': 'yes',
      'Cross-Origin-Resource-Policy': 'same-site',
      'X-Request-Id': '5',
      ETag: '"1"',
      Vary: ['Accept-Language', 'cookie'],
    });
    next();
  };
  await using app = await serve(express().use(before, countedStream(trigger).handler));
  const response = await head(app.url);
  expect(response.headers).toMatchObject({
    'content-type': 'text/event-stream; charset=UTF-8; v=2',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'yes',
    'cross-origin-resource-policy': 'same-site',
    'x-content-type-options': 'nosniff',
    'x-request-id': '5',
  });
  expect(response.headers.etag).toBeUndefined();
  const vary = response.headers.vary?.split(/ *, */).map((name) => name.toLowerCase());
  expect(vary).toEqual(['accept-language', 'cookie', 'origin']);
  response.destroy();
});

it('leaves a Vary of * alone', async () => {
  await using trigger = new SseTrigger();
  const before: RequestHandler = (_req, res, next) => {
    res.set('Vary', '*');
    next();
  };
  await using app = await serve(express().use(before, countedStream(trigger).handler));
  const response = await head(app.url);
  expect(response.headers.vary).toBe('*');
  response.destroy();
});

it('sends a comment and a random retry before the callback has ended', async () => {
  await using trigger = new SseTrigger();
  const data = deferred<string>();
  const handler = streamSse(trigger, { key: 'a', data: () => data.promise });
  await using app = await serve(express().use(handler));
  const retries = new Set<number>();
  for (let client = 0; client < 5; client += 1) {
    await using stream = await openStream(app.url, '/');
    const { comment, retry = Number.NaN } = stream.opening;
    expect(comment).toBe('open');
    expect(retry).toBeGreaterThanOrEqual(2000);
    expect(retry).toBeLessThanOrEqual(5000);
    retries.add(retry);
    if (client < 4) continue;
    data.resolve('now');
    expect(await stream.next()).toMatchObject({ data: 'now' });
  }
  expect(retries.size).toBeGreaterThan(1);
});

it('answers HEAD with the head of a stream, and asks nothing and watches nothing (W6)', async () => {
  await using trigger = new SseTrigger();
  const { app, calls } = countedStream(trigger);
  const answer = await request(app).head('/stream').expect(200);
  expect(answer.headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    vary: 'Cookie, Origin',
  });
  expect(calls).toEqual({ subject: 0, key: 0, data: 0 });
  expect(trigger.stats()).toMatchObject({ ...idle, checks: 0, refused: { method: 0 } });
});

it.each(['post', 'put', 'delete', 'options'] as const)(
  'answers %s with 405 and what is allowed',
  async (method) => {
    await using trigger = new SseTrigger();
    const { app, calls } = countedStream(trigger);
    const answer = await request(app)[method]('/stream').expect(405).expect('Allow', 'GET, HEAD');
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(calls.subject).toBe(0);
    expect(trigger.stats()).toMatchObject({ ...idle, refused: { method: 1 } });
  },
);

it('gives a response whose head was sent to the error handler (W7)', async () => {
  await using trigger = new SseTrigger();
  const { handler, calls } = countedStream(trigger);
  const answerFirst: RequestHandler = (_req, res, next) => {
    res.write('an answer');
    next();
  };
  const endIt: ErrorRequestHandler = (error: Error, _req, res, _next) => {
    res.end(`, and then: ${error.message}`);
  };
  const app = express().use(answerFirst, handler, endIt);
  const { text } = await request(app).get('/').expect(200);
  expect(text).toBe(
    'an answer, and then: a stream needs a response whose head was not sent: is it mounted twice, or after an answer?',
  );
  expect(calls.subject).toBe(0);
});

it('opens one stream where it is mounted twice (W7)', async () => {
  await using trigger = new SseTrigger();
  const { handler } = countedStream(trigger);
  const both: RequestHandler = (req, res, next) => {
    handler(req, res, next);
    next();
  };
  await using app = await serve(express().use(both, handler));
  await using stream = await openStream(app.url, '/');
  expect(await stream.next()).toMatchObject({ data: '{"id":7}' });
  expect(trigger.stats().streams).toBe(1);
});

it.each(['destroy', 'end'] as const)(
  'lives through a write to a response on which somebody called %s',
  async (call) => {
    await using trigger = new SseTrigger();
    const responses: ServerResponse[] = [];
    const stream = streamSse(trigger, {
      key: 'a',
      data: () => {
        responses.shift()?.[call]();
        return 'a';
      },
    });
    await using app = await serve((req, res) => {
      responses.push(res);
      stream(req, res, () => {});
    });
    for (let client = 0; client < 3; client += 1) {
      await using broken = await connectRaw(app.port);
      broken.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await broken.untilClosed();
      await until(() => trigger.stats().streams === 0);
    }
    expect(trigger.stats()).toMatchObject({ ...idle, runs: 3 });
  },
);
