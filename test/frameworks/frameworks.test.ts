import { once } from 'node:events';
import { connect } from 'node:http2';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { shutDown } from '../../docs/examples/frameworks/node-http2.ts';
import { examples } from '../../docs/examples/frameworks/served.ts';
import { messages } from '../../docs/examples/frameworks/unread.ts';
import { head } from '../support/serve.ts';
import { openStream } from '../support/stream-client.ts';
import { textUntil } from '../support/text-until.ts';
import { until } from '../support/until.ts';

const PATH = '/notifications/stream';
const ANN = { cookie: 'user=ann' };

afterEach(() => vi.restoreAllMocks());

describe.each([
  // What a framework makes of an error that has the status 400 is its own affair.
  ['node:http', 400],
  ['Fastify', 400],
  ['Koa', 400],
  ['NestJS', 500],
  ['Hono', 500],
  ['Next.js', 500],
] as const)('%s', (name, refusal) => {
  it('streams what changed, leaves errors to the framework, and ends with a drain', async () => {
    // Koa and Hono tell it of errors that they answer.
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const warn = vi.spyOn(process, 'emitWarning');
    await using app = await examples[name]();
    messages.set('ann', 'first');
    {
      await using one = await openStream(app.url, PATH, { headers: ANN });
      await using other = await openStream(app.url, PATH, { headers: ANN });
      for (const stream of [one, other]) expect(await stream.next()).toMatchObject({ data: 'first' });
      messages.set('ann', 'second');
      await app.trigger.push('notifications:ann');
      for (const stream of [one, other]) expect(await stream.next()).toMatchObject({ data: 'second' });
      expect(app.trigger.stats()).toMatchObject({ streams: 2, runs: 2, frames: 4 });
    }
    await until(() => app.trigger.stats().closed.client === 2);

    expect((await head(app.url + PATH)).resume().statusCode).toBe(401);
    const forged = await head(app.url + PATH, { cookie: 'user=forged' });
    expect(forged.resume().statusCode).toBe(refusal);

    await using last = await openStream(app.url, PATH, { headers: ANN });
    await last.next();
    await app.trigger.drain(0);
    expect((await last.rest()).at(-1)).toEqual({ retry: expect.any(Number) });
    expect(warn).not.toHaveBeenCalled();
  });
});

it('streams over HTTP/2 to many on one connection, and shuts down', async () => {
  await using app = await examples['node:http2']();
  messages.set('ann', 'first');
  const session = connect(app.url);
  const open = () => session.request({ ':path': PATH, ...ANN }).setEncoding('utf8');
  const streams = [open(), open()];
  for (const stream of streams) await textUntil(stream, 'data: first\n\n');
  const [{ ':status': status }] = await once(session.request({ ':path': PATH }).resume(), 'response');
  expect(status).toBe(401);
  expect(app.trigger.stats()).toMatchObject({ streams: 2, runs: 1 });
  streams[0]!.close();
  await until(() => app.trigger.stats().streams === 1);
  // The client would keep its connection.
  const closed = once(session, 'close');
  const [rest] = await Promise.all([textUntil(streams[1]!, '\n\n'), shutDown(0), closed]);
  expect(rest).toMatch(/^retry: /);
});
