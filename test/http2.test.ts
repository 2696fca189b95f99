import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Handler, SseTrigger, streamSse } from '../src/index.ts';
import { newCounters } from '../src/stats.ts';
import { deferred } from './support/deferred.ts';
import { STREAM_HEAD } from './support/stream-head.ts';
import { textUntil } from './support/text-until.ts';
import { until } from './support/until.ts';

let trigger: SseTrigger;
let handler: Handler;
let session: ClientHttp2Session;
const server = createServer((req, res) => {
  // Its requests and responses can be used as those of HTTP/1.1, though their types say nothing of it.
  const [request, response] = [req as unknown as IncomingMessage, res as unknown as ServerResponse];
  handler(request, response, (error) => {
    res.statusCode = 500;
    res.end(String(error));
  });
});

beforeEach(async () => {
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  trigger = new SseTrigger();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

afterEach(async () => {
  await trigger.close();
  session.destroy();
  server.close();
  await once(server, 'close');
});

/** Opens a stream of the session, and gives what answers it. */
async function open(headers = {}): Promise<ClientHttp2Stream & { readonly head: IncomingHttpHeaders }> {
  const stream = session.request({ ':path': '/', ...headers }).setEncoding('utf8');
  const [head] = await once(stream, 'response');
  return Object.assign(stream, { head });
}

it('has no header that belongs to a connection', async () => {
  handler = streamSse(trigger, { key: 'a', data: () => 1 });
  const { date: _, ...head } = (await open()).head;
  expect(Object.fromEntries(Object.entries(head))).toEqual({
    ':status': 200,
    ...STREAM_HEAD,
  });
});

it('streams to many on one connection, and ends with a retry', async () => {
  let price = 1;
  handler = streamSse(trigger, { key: 'a', data: () => `price ${price}`, throttle: 0 });
  const streams = await Promise.all([open(), open(), open()]);
  await Promise.all(streams.map((stream) => textUntil(stream, 'data: price 1\n\n')));
  price = 2;
  await trigger.push('a');
  await Promise.all(streams.map((stream) => textUntil(stream, 'data: price 2\n\n')));
  expect(trigger.stats()).toMatchObject({ streams: 3, runs: 2 });

  await trigger.drain(0);
  for (const stream of streams) expect(await text(stream)).toMatch(/^retry: \d{3,4}\n\n$/);
  expect(trigger.stats().streams).toBe(0);
});

it('sends only the newest frame after one that is larger than what the client takes at once', async () => {
  let end = 'first';
  handler = streamSse(trigger, { key: 'a', data: () => `${'.'.repeat(1_000_000)}${end}`, throttle: 0 });
  const stream = await open();
  await until(() => trigger.stats().frames === 1);
  for (const [runs, next] of ['second', 'third'].entries()) {
    end = next;
    await trigger.push('a');
    await until(() => trigger.stats().runs === runs + 2);
  }
  await textUntil(stream, 'first\n\n');
  expect(await textUntil(stream, 'third\n\n')).not.toContain('second');
  end = 'fourth';
  await trigger.push('a');
  await textUntil(stream, 'fourth\n\n');
  expect(trigger.stats()).toMatchObject({ frames: 3, conflated: 1 });
});

it('sees one stream of the connection leave', async () => {
  handler = streamSse(trigger, { key: 'a', data: () => 1 });
  const [one, other] = await Promise.all([open(), open()]);
  one.close();
  await until(() => trigger.stats().streams === 1);
  await textUntil(other, 'data: 1\n\n');
});

it('sees all streams leave with their connection, during a write too', async () => {
  handler = streamSse(trigger, { key: 'a', data: () => '.'.repeat(1_000_000), throttle: 0 });
  await Promise.all([open(), open(), open()]);
  await until(() => trigger.stats().frames === 3);
  session.destroy();
  await trigger.push('a');
  await until(() => trigger.stats().streams === 0);
  expect(trigger.stats()).toMatchObject({ streams: 0, keys: 0 });
});

it('aborts the first run when the client leaves during it', async () => {
  const began = deferred<AbortSignal>();
  handler = streamSse(trigger, {
    subject: () => 1,
    key: () => 'a',
    data: (_, { signal }) => {
      began.resolve(signal);
      return new Promise<string>(() => {});
    },
  });
  const stream = await open();
  const signal = await began.promise;
  const aborted = once(signal, 'abort');
  stream.close();
  await aborted;
  expect(trigger.stats()).toMatchObject({ streams: 0, keys: 0 });
});

it('opens no stream for a client that left while its subject was asked for', async () => {
  const asked = deferred();
  const answer = deferred<number>();
  const key = vi.fn(() => 'a');
  handler = streamSse(trigger, {
    subject: () => {
      asked.resolve();
      return answer.promise;
    },
    key,
    data: () => 1,
  });
  const gone = new Promise<void>((resolve) => {
    server.once('stream', (stream) => stream.once('close', resolve));
  });
  const stream = session.request({ ':path': '/' });
  await asked.promise;
  stream.close();
  await gone;
  answer.resolve(1);
  await new Promise(setImmediate);
  expect(key).not.toHaveBeenCalled();
  expect(trigger.stats()).toMatchObject({ streams: 0, keys: 0, refused: newCounters().refused });
});

it.each([
  [{ ':method': 'HEAD' }, 200],
  [{ ':method': 'POST' }, 405],
  [{ 'sec-fetch-site': 'cross-site' }, 403],
  [{ origin: 'https://evil.example' }, 403],
])('answers %j with %i and ends', async (headers, status) => {
  handler = streamSse(trigger, { key: 'a', data: () => 1 });
  const stream = await open(headers);
  expect(stream.head[':status']).toBe(status);
  stream.resume();
  await once(stream, 'end');
  expect(trigger.stats()).toMatchObject({ streams: 0, keys: 0 });
});

it('knows a page of its own origin that sends no Fetch Metadata', async () => {
  handler = streamSse(trigger, { key: 'a', data: () => 1 });
  const { port } = server.address() as AddressInfo;
  const stream = await open({ origin: `http://127.0.0.1:${port}` });
  expect(stream.head[':status']).toBe(200);
});
