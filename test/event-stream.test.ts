import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import express, { type RequestHandler } from 'express';
import { expect, it, vi } from 'vitest';
import { eventStream, type ServerEvent, type SourceRun, SseTrigger } from '../src/index.ts';
import { deferred } from './support/deferred.ts';
import { head, serve } from './support/serve.ts';
import { streamApp } from './support/stream-app.ts';
import { openStream } from './support/stream-client.ts';
import { STREAM_HEAD } from './support/stream-head.ts';
import { textUntil } from './support/text-until.ts';
import { until } from './support/until.ts';

const listed = 'https://app.example.org';

/** Yields the whole numbers after the last one that the client has, up to `last`. */
async function* count(last: number, { lastEventId = '0' }: SourceRun): AsyncGenerator<ServerEvent> {
  for (let id = Number(lastEventId) + 1; id <= last; id += 1) yield { id: `${id}`, data: id };
}

it('has the head and the first bytes of every stream, before the source yields', async () => {
  await using trigger = new SseTrigger();
  const handler = eventStream(trigger, async function* (_, { signal }) {
    await once(signal, 'abort');
    yield { data: 'late' };
  });
  await using app = await serve((req, res) => handler(req, res, () => {}));
  const response = await head(app.url);
  const { date: _, ...headers } = response.headers;
  expect(response.statusCode).toBe(200);
  expect(headers).toEqual({ ...STREAM_HEAD, connection: 'close', 'transfer-encoding': 'chunked' });
  expect(await textUntil(response, '\n\n')).toMatch(/^: open\nretry: \d+\n\n$/);
  response.destroy();
});

it('sends what the source yields, and ends when it returns', async () => {
  await using app = await streamApp((trigger) => eventStream(trigger, (_, run) => count(3, run)));
  await using stream = await app.open();
  const blocks = await stream.rest();
  expect(blocks).toEqual([
    { id: '1', data: '1' },
    { id: '2', data: '2' },
    { id: '3', data: '3' },
    { id: 'sse-trigger-complete', retry: expect.any(Number) },
  ]);
  expect(blocks.at(-1)?.retry).toBeLessThanOrEqual(1000);
});

it('lets a client that was cut off go on where it was', async () => {
  await using app = await streamApp((trigger) => eventStream(trigger, (_, run) => count(3, run)));
  await using stream = await app.open('/', { 'last-event-id': '2' });
  expect(await stream.next()).toEqual({ id: '3', data: '3' });
});

it('answers 204 to a client that comes back with the last id, without asking the source', async () => {
  const source = vi.fn((_, run: SourceRun) => count(1, run));
  await using app = await streamApp((trigger) => eventStream(trigger, source, { allowOrigins: [listed] }));
  await using stream = await app.open();
  const last = (await stream.rest()).at(-1)!;
  expect(source).toHaveBeenCalledTimes(1);

  // Another origin's page has to see the 204, or it takes it for a lost connection.
  const headers = { 'last-event-id': last.id!, origin: listed };
  const response = await fetch(app.served.url, { headers });
  expect(response.status).toBe(204);
  expect(response.headers.get('access-control-allow-origin')).toBe(listed);
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(source).toHaveBeenCalledTimes(1);
  expect(app.trigger.stats()).toMatchObject({ streams: 0, refused: 0 });
});

it('gives the id as it was yielded, whatever letters it is of', async () => {
  const ids: (string | undefined)[] = [];
  await using app = await streamApp((trigger) =>
    eventStream(trigger, async function* (_, { lastEventId }) {
      ids.push(lastEventId);
      yield { id: 'žluťoučký-🐎', data: 1 };
    }),
  );
  await using first = await app.open();
  const { id } = await first.next();
  // A browser sends the UTF-8 of it.
  await using second = await app.open('/', { 'last-event-id': Buffer.from(id!).toString('latin1') });
  await second.next();
  expect(ids).toEqual([undefined, 'žluťoučký-🐎']);
});

it("runs the source's finally when the client leaves, and lets go of the stream", async () => {
  const over = deferred<string>();
  await using app = await streamApp((trigger) =>
    eventStream(trigger, async function* (_, { signal }) {
      try {
        yield { data: 'here' };
        await sleep(3_600_000, undefined, { signal });
      } finally {
        over.resolve(signal.aborted ? 'left' : 'returned');
      }
    }),
  );
  {
    await using stream = await app.open();
    await stream.next();
  }
  expect(await over.promise).toBe('left');
  await until(() => app.trigger.stats().streams === 0);
  expect(app.errors).toEqual([]);
});

it('drains, and then lets nobody in', async () => {
  const source = vi.fn(async function* (_: unknown, { signal }: SourceRun): AsyncGenerator<ServerEvent> {
    yield { id: 'one', data: 1 };
    await once(signal, 'abort');
  });
  await using app = await streamApp((trigger) => eventStream(trigger, source, { retry: [77, 77] }));
  await using stream = await app.open();
  await stream.next();
  await app.trigger.drain(0);
  expect(await stream.rest()).toEqual([{ retry: expect.any(Number) }]);

  await using late = await app.open('/', { 'last-event-id': 'one' });
  expect(late.opening).toEqual({ comment: 'later', retry: 77 });
  expect(source).toHaveBeenCalledTimes(1);
});

it('tells onError what a source throws, and the client nothing but to come back', async () => {
  const cause = new Error('the secret table is locked');
  await using app = await streamApp((trigger) => ({
    '/export': eventStream(trigger, async function* () {
      yield { id: '1', data: 1 };
      throw cause;
    }),
  }));
  await using stream = await app.open('/export');
  expect(await stream.next()).toEqual({ id: '1', data: '1' });
  const [end, ...more] = await stream.rest();
  expect(end).toEqual({ retry: expect.any(Number) });
  expect(end?.retry).toBeGreaterThanOrEqual(30_000);
  expect(more).toEqual([]);
  expect(app.errors).toMatchObject([{ code: 'source_failed', route: '/export', cause }]);
});

it('tells onError of a source that gives nothing to iterate over', async () => {
  await using app = await streamApp((trigger) => eventStream(trigger, (() => undefined) as never));
  await using stream = await app.open();
  await stream.rest();
  expect(app.errors).toMatchObject([{ code: 'source_failed', cause: expect.any(TypeError) }]);
});

it('sends a large answer whole, no faster than the client reads', async () => {
  const chunk = 'x'.repeat(100_000);
  let yielded = 0;
  await using app = await streamApp((trigger) =>
    eventStream(trigger, async function* () {
      for (; yielded < 500; yielded += 1) yield { data: chunk };
    }),
  );
  await using stream = await app.open();
  // What the system keeps for a connection is much less than the 50 MB that there are.
  const { data } = await stream.next();
  expect(data).toBe(chunk);
  expect(yielded).toBeLessThan(500);
  const rest = await stream.rest();
  expect(rest.filter((block) => block.data === chunk)).toHaveLength(499);
});

it('runs the source in the async context of its request', async () => {
  const names = new AsyncLocalStorage<string>();
  const setName: RequestHandler = (req, _res, next) => names.run(String(req.query.name), next);
  await using trigger = new SseTrigger();
  const handler = eventStream(trigger, async function* () {
    yield { data: names.getStore() };
    yield { data: names.getStore() };
  });
  const app = express().use(setName, handler);
  await using stream = await openStream(app, '/?name=alice');
  expect((await stream.next()).data).toBe('alice');
  expect((await stream.next()).data).toBe('alice');
});

it('holds to method, origin and maxStreams before it asks the source', async () => {
  const source = vi.fn(async function* (_: unknown, { signal }: SourceRun): AsyncGenerator<ServerEvent> {
    yield { data: 'first' };
    await once(signal, 'abort');
  });
  const errors: unknown[] = [];
  await using trigger = new SseTrigger({ maxStreams: 1, onError: ({ code }) => errors.push(code) });
  await using app = await serve(express().use(eventStream(trigger, source)));
  const crossSite = await fetch(app.url, { headers: { origin: 'https://evil.example' } });
  expect(crossSite.status).toBe(403);
  const posted = await fetch(app.url, { method: 'POST' });
  expect(posted.status).toBe(405);
  expect(posted.headers.get('allow')).toBe('GET, HEAD');
  const asked = await fetch(app.url, { method: 'HEAD' });
  expect(asked.headers.get('content-type')).toBe(STREAM_HEAD['content-type']);
  expect(source).not.toHaveBeenCalled();

  await using only = await openStream(app.url, '/');
  await using further = await openStream(app.url, '/');
  expect(only.opening.comment).toBe('open');
  expect(further.opening).toEqual({ comment: 'later', retry: expect.any(Number) });
  expect(source).toHaveBeenCalledTimes(1);
  expect(errors).toEqual(['streams_full']);
});

it.each<[string, (trigger: SseTrigger) => unknown, RegExp]>([
  [
    'no trigger',
    () => eventStream({} as never, (_, run) => count(1, run)),
    /eventStream needs an SseTrigger/,
  ],
  [
    'no source',
    (trigger) => eventStream(trigger, undefined as never),
    /source must be a function: async function/,
  ],
  [
    'an option that does not exist',
    (trigger) => eventStream(trigger, (_, run) => count(1, run), { throttle: 5 } as never),
    /eventStream has no option "throttle"/,
  ],
  [
    'a heartbeat that is no time',
    (trigger) => eventStream(trigger, (_, run) => count(1, run), { heartbeat: -1 }),
    /heartbeat must be a number of milliseconds/,
  ],
])('refuses %s', async (_, mount, message) => {
  await using trigger = new SseTrigger();
  expect(() => mount(trigger)).toThrow(TypeError);
  expect(() => mount(trigger)).toThrow(message);
});
