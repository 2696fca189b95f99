import { text } from 'node:stream/consumers';
import { createBrotliDecompress, createGunzip } from 'node:zlib';
import compression from 'compression';
import express, { type RequestHandler } from 'express';
import { expect, it } from 'vitest';
import { SseTrigger, streamSse } from '../src/index.ts';
import { head, serve } from './support/serve.ts';
import { textUntil } from './support/text-until.ts';
import { until } from './support/until.ts';

/** An application that sets a Cache-Control of its own, without the no-transform that keeps `compression` out. */
const cacheControl: RequestHandler = (_req, res, next) => {
  res.set('Cache-Control', 'no-cache');
  next();
};

const decoders = { gzip: createGunzip, br: createBrotliDecompress };

it.each(['gzip', 'br'])(
  'is not compressed with %s by itself, and the first frame arrives at once (W8)',
  async (encoding) => {
    await using trigger = new SseTrigger();
    const app = express().use(
      compression({ threshold: 0 }),
      streamSse(trigger, { key: 'a', data: () => 'one' }),
    );
    await using served = await serve(app);
    const response = await head(served.url, { 'accept-encoding': encoding });
    expect(response.headers['content-encoding']).toBeUndefined();
    expect(response.headers.vary).toMatch(/Cookie, Origin/);
    await textUntil(response.setEncoding('utf8'), 'data: one\n\n');
    response.destroy();
  },
);

it.each(Object.entries(decoders))(
  'arrives frame by frame where %s compresses it (W8)',
  async (encoding, decoder) => {
    await using trigger = new SseTrigger();
    let shown = 'one';
    const stream = streamSse(trigger, { key: 'a', data: () => shown, throttle: 0 });
    await using app = await serve(express().use(cacheControl, compression({ threshold: 0 }), stream));
    const response = await head(app.url, { 'accept-encoding': encoding });
    expect(response.headers['content-encoding']).toBe(encoding);
    const decoded = response.pipe(decoder()).setEncoding('utf8');
    await textUntil(decoded, 'data: one\n\n');
    shown = 'two';
    await trigger.push('a');
    await textUntil(decoded, 'data: two\n\n');

    await trigger.drain(0);
    expect(await text(decoded)).toMatch(/^retry: \d{3,4}\n\n$/);
  },
);

it('frees a stream whose client reads nothing and leaves, compressed too', async () => {
  await using trigger = new SseTrigger();
  const noise = () => Array.from({ length: 200_000 }, () => Math.random()).join();
  const stream = streamSse(trigger, { key: 'a', data: noise, throttle: 0 });
  await using app = await serve(express().use(cacheControl, compression({ threshold: 0 }), stream));
  const response = await head(app.url, { 'accept-encoding': 'gzip' });
  await until(() => trigger.stats().frames === 1);
  await trigger.push('a');
  await until(() => trigger.stats().runs === 2);
  response.destroy();
  await until(() => trigger.stats().streams === 0);
  expect(trigger.stats().keys).toBe(0);
});
