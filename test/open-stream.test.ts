import { once } from 'node:events';
import { connect } from 'node:http2';
import type { AddressInfo } from 'node:net';
import express from 'express';
import session, { MemoryStore } from 'express-session';
import Keyv from 'keyv';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openStream, SseTrigger, type StreamOptions, streamOptions } from '../src/node.ts';
import { KeyvStore } from '../src/stores/keyv-store.ts';
import { head, type Served, serve } from './support/serve.ts';
import { openStream as look } from './support/stream-client.ts';
import { until } from './support/until.ts';

afterEach(() => vi.restoreAllMocks());

/** Serves a stream by path, each with the options that are made for its request. */
function serveStreams<S extends {}>(
  trigger: SseTrigger,
  paths: Readonly<Record<string, () => StreamOptions<S>>>,
  thrown: unknown[] = [],
): Promise<Served> {
  return serve((req, res) => {
    openStream(trigger, req, res, paths[req.url!]!()).catch((error) => {
      thrown.push(error);
      res.statusCode = 500;
      res.end();
    });
  });
}

describe('one options object', () => {
  it('is one route: its streams share runs and limits', async () => {
    await using trigger = new SseTrigger();
    const options = streamOptions(trigger, {
      subject: () => 'ann',
      key: () => 'a',
      data: () => 1,
      maxPerViewer: 2,
    });
    await using app = await serveStreams(trigger, { '/': () => options });
    await using first = await look(app.url, '/');
    await using second = await look(app.url, '/');
    for (const stream of [first, second]) expect(await stream.next()).toMatchObject({ data: '1' });
    expect(trigger.stats()).toMatchObject({ streams: 2, runs: 1 });
    await using _third = await look(app.url, '/');
    expect((await first.rest()).at(-1)?.retry).toBeGreaterThanOrEqual(30_000);
    expect(trigger.stats()).toMatchObject({ streams: 2, closed: { replaced: 1 } });
  });

  it('is one route a trigger', async () => {
    await using one = new SseTrigger();
    await using other = new SseTrigger();
    const options = { key: 'a', data: () => 1 };
    for (const trigger of [one, other]) {
      await using app = await serveStreams(trigger, { '/': () => options });
      await using stream = await look(app.url, '/');
      await stream.next();
      expect(trigger.stats().runs).toBe(1);
    }
  });
});

describe('options that are made anew', () => {
  const warnings = () => vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

  it('share nothing, and one warning names the mend', async () => {
    const warn = warnings();
    await using trigger = new SseTrigger();
    let user = '';
    const anew = () => {
      const whose = user;
      return { key: 'orders', data: () => `orders of ${whose}` };
    };
    await using app = await serveStreams(trigger, { '/': anew });
    user = 'ann';
    await using ann = await look(app.url, '/');
    const shown = await ann.next();
    expect(shown).toMatchObject({ data: 'orders of ann' });
    expect(warn).not.toHaveBeenCalled();
    user = 'bob';
    // Even with the id of what somebody else was sent.
    for (const headers of [{}, { 'last-event-id': shown.id! }]) {
      await using bob = await look(app.url, '/', { headers });
      expect(await bob.next()).toMatchObject({ data: 'orders of bob' });
    }
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('openStream got options'), {
      code: 'SSE_TRIGGER_OPTIONS',
      detail: expect.stringContaining('outside the handler: const options = streamOptions(trigger, { … })'),
    });
  });

  it('of other keys are known for what they are', async () => {
    const warn = warnings();
    await using trigger = new SseTrigger();
    let stock = 0;
    const anew = () => {
      stock += 1;
      return { key: `stock:${stock}`, data: () => stock };
    };
    await using app = await serveStreams(trigger, { '/': anew });
    for (const data of ['1', '2']) {
      await using stream = await look(app.url, '/');
      expect(await stream.next()).toMatchObject({ data });
    }
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it('are told apart by what they say, or by their revision', async () => {
    const warn = warnings();
    await using trigger = new SseTrigger();
    const data = () => 1;
    const all = [
      { key: 'a', data },
      { key: 'a', data, eventName: 'b' },
      { key: 'a', data: () => 2 },
      { key: 'a', data, heartbeat: 5000 },
      { key: 'a', data, revision: '2' },
      { feeds: [{ key: 'a', data }] },
    ];
    await using app = await serveStreams(trigger, { '/': () => all.pop()! });
    while (all.length > 0) await (await look(app.url, '/'))[Symbol.asyncDispose]();
    expect(warn).not.toHaveBeenCalled();
  });
});

describe('a client that comes back to another process', () => {
  it('gets nothing again, in whatever order its routes are asked for first, and nothing of another route', async () => {
    const keyv = new Keyv();
    /** The modules of the application, as each process loads them. */
    const start = async () => {
      const trigger = new SseTrigger({ store: new KeyvStore(keyv) });
      const brief = streamOptions(trigger, {
        subject: (): string => 'ann',
        key: () => 'a',
        data: () => 'brief',
      });
      const full = streamOptions(trigger, {
        subject: (): string => 'ann',
        key: () => 'a',
        data: () => 'full',
      });
      const served = await serveStreams(trigger, { '/brief': () => brief, '/full': () => full });
      const visit = async (path: string, id = '') => {
        const { frames, resumed } = trigger.stats();
        await using stream = await look(served.url, path, { headers: { 'last-event-id': id } });
        await until(() => trigger.stats().frames + trigger.stats().resumed > frames + resumed);
        return trigger.stats().resumed > resumed ? undefined : stream.next();
      };
      const close = () => served[Symbol.asyncDispose]().then(() => trigger.close());
      return { visit, [Symbol.asyncDispose]: close };
    };
    await using one = await start();
    const brief = await one.visit('/brief');
    const full = await one.visit('/full');
    await using other = await start();
    expect(await other.visit('/full', full?.id)).toBeUndefined();
    expect(await other.visit('/brief', brief?.id)).toBeUndefined();
    expect(await other.visit('/full', brief?.id)).toMatchObject({ data: 'full' });
  });
});

describe('rejects, with nothing sent, for', () => {
  const refusal = Object.assign(new Error('gone'), { status: 410 });
  const misspelt = { key: 'a', data: () => 1, heartbeats: 5 } as StreamOptions<string>;

  it.each([
    ['an option that does not exist', misspelt, 'openStream has no option "heartbeats"'],
    [
      'a subject that is none',
      { subject: () => new Map() as never, key: () => 'a', data: () => 1 },
      'subject',
    ],
    [
      'an error of the application that has an answer',
      {
        subject: () => {
          throw refusal;
        },
        key: () => 'a',
        data: () => 1,
      },
      'gone',
    ],
  ] satisfies [string, StreamOptions<string>, string][])('%s', async (_, options, message) => {
    await using trigger = new SseTrigger();
    const thrown: Error[] = [];
    await using app = await serveStreams(trigger, { '/': () => options }, thrown);
    expect((await head(app.url)).resume().statusCode).toBe(500);
    expect(thrown.map((error) => error.message)).toEqual([expect.stringContaining(message)]);
    expect(trigger.stats().streams).toBe(0);
  });

  it('a response whose head was sent, and a trigger that is none', async () => {
    await using trigger = new SseTrigger();
    const options = streamOptions(trigger, { key: 'a', data: () => 1 });
    const thrown: unknown[] = [];
    await using app = await serve(async (req, res) => {
      await openStream({} as SseTrigger, req, res, options).catch((error) => thrown.push(error));
      res.flushHeaders();
      await openStream(trigger, req, res, options).catch((error) => thrown.push(error));
      res.end();
    });
    (await head(app.url)).resume();
    await until(() => thrown.length === 2);
    expect(thrown).toEqual([expect.any(TypeError), expect.any(Error)]);
  });

  it('what a framework has beside the request and the response of Node', async () => {
    await using trigger = new SseTrigger();
    const options = streamOptions(trigger, { key: 'a', data: () => 1 });
    const thrown: Error[] = [];
    await using app = await serve(async (req, res) => {
      const { method, url, headers, socket } = req;
      const request = { raw: req, method, url, headers, socket };
      const reply = { raw: res, sent: false };
      for (const [first, second] of [
        [request, reply],
        [request, res],
        [req, reply],
        [req, undefined],
      ]) {
        await openStream(trigger, first as never, second as never, options).catch((error) =>
          thrown.push(error),
        );
      }
      res.end();
    });
    (await head(app.url)).resume();
    await until(() => thrown.length === 4);
    for (const error of thrown) {
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toContain('request.raw and reply.raw of Fastify, ctx.req and ctx.res of Koa');
    }
    expect(trigger.stats().streams).toBe(0);
  });
});

it('is checked as soon as its options are made', async () => {
  await using trigger = new SseTrigger();
  const wrong = { key: 'a', data: () => 1, retry: 5 as never };
  expect(() => streamOptions(trigger, wrong)).toThrow('retry must be');
  const misspelt = { key: 'a', data: () => 1, every: 5 } as StreamOptions<string>;
  expect(() => streamOptions(trigger, misspelt)).toThrow('streamOptions has no option "every"');
});

it('resolves when the stream is open, and answers who gets none', async () => {
  await using trigger = new SseTrigger();
  const options = streamOptions(trigger, {
    subject: (req) => req.headers.cookie,
    authorize: (cookie) => cookie === 'ann',
    key: () => 'a',
    data: () => 1,
  });
  const states: string[] = [];
  await using app = await serve(async (req, res) => {
    await openStream(trigger, req, res, options);
    states.push(res.writableEnded ? 'over' : 'open');
  });
  await using stream = await look(app.url, '/', { headers: { cookie: 'ann' } });
  expect(await stream.next()).toMatchObject({ data: '1' });
  const refused = [
    await head(app.url),
    await head(app.url, { cookie: 'bob' }),
    await head(app.url, { cookie: 'ann', 'sec-fetch-site': 'cross-site' }),
    await head(app.url, { cookie: 'ann' }, 'POST'),
  ];
  expect(refused.map((answer) => answer.resume().statusCode)).toEqual([401, 403, 403, 405]);
  expect(states).toEqual(['open', 'over', 'over', 'over', 'over']);
});

it('takes what node:http2 gives as it is', async () => {
  await using trigger = new SseTrigger();
  const options = streamOptions(trigger, { subject: (req) => req.url, key: () => 'a', data: (url) => url });
  const { createServer } = await import('node:http2');
  const server = createServer((req, res) => void openStream(trigger, req, res, options));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const stream = client.request({ ':path': '/prices' }).setEncoding('utf8');
  let received = '';
  for await (const text of stream) {
    received += text;
    if (received.includes('data: /prices\n\n')) break;
  }
  client.destroy();
  server.close();
  await once(server, 'close');
});

it('leaves the session as another request left it', async () => {
  await using trigger = new SseTrigger();
  const store = new MemoryStore();
  const options = streamOptions(trigger, { key: 'a', data: () => 1 });
  const routes = express().use(session({ secret: 'secret', resave: true, saveUninitialized: true, store }));
  routes.get('/', (req, res) => openStream(trigger, req, res, options));
  await using app = await serve(routes);
  const write = vi.spyOn(store, 'set');
  await using stream = await look(app.url, '/');
  await stream.next();
  await trigger.drain(0);
  await stream.rest();
  expect(write).not.toHaveBeenCalled();
});
