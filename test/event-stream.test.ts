import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter, once } from 'node:events';
import { EventSource } from 'eventsource';
import express, { type RequestHandler } from 'express';
import session from 'express-session';
import { expect, it, vi } from 'vitest';
import { eventStream, type ServerEvent, type SourceRun, SseTrigger } from '../src/index.ts';
import { newCounters } from '../src/stats.ts';
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
  expect(headers).toEqual({ ...STREAM_HEAD, connection: 'close' });
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
    { id: 'sse-trigger-complete', event: 'sse-trigger-complete', data: '', retry: expect.any(Number) },
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
  expect(app.trigger.stats()).toMatchObject({ streams: 0, refused: newCounters().refused });
});

it("ends npm's EventSource, too", async () => {
  const source = vi.fn((_, run: SourceRun) => count(2, run));
  await using app = await streamApp((trigger) => eventStream(trigger, source));
  const got: string[] = [];
  const client = new EventSource(app.served.url);
  client.addEventListener('message', ({ data }) => got.push(data));
  await until(() => client.readyState === EventSource.CLOSED);
  expect(got).toEqual(['1', '2']);
  expect(source).toHaveBeenCalledTimes(1);
});

it('takes an empty id for none', async () => {
  const source = vi.fn((_, run: SourceRun) => count(1, run));
  await using app = await streamApp((trigger) => eventStream(trigger, source));
  await using _ = await app.open('/', { 'last-event-id': '' });
  expect(source.mock.calls[0]![1].lastEventId).toBeUndefined();
});

it('passes its options on', async () => {
  const source = async function* (_: unknown, { signal }: SourceRun): AsyncGenerator<ServerEvent> {
    yield { data: 1 };
    await once(signal, 'abort');
  };
  const options = { heartbeat: 20, lifetime: 400, retry: [5, 5], allowOrigins: '*' } as const;
  await using app = await streamApp((trigger) => eventStream(trigger, source, options));
  const response = await head(app.served.url, { origin: 'https://anywhere.example' });
  expect(response.headers['access-control-allow-origin']).toBe('*');
  response.destroy();
  await using stream = await app.open();
  expect(stream.opening).toEqual({ comment: 'open', retry: 5 });
  const [first, ...rest] = await stream.rest();
  expect(first).toEqual({ data: '1' });
  expect(rest).toContainEqual({ comment: '' });
  expect(rest.at(-1)).toEqual({ retry: expect.any(Number) });
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
        await once(new EventEmitter(), 'never', { signal });
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
  const inFinally = deferred<string | undefined>();
  const handler = eventStream(trigger, async function* () {
    try {
      yield { data: names.getStore() };
      for (;;) yield { data: `${names.getStore()} ${'x'.repeat(10_000)}` };
    } finally {
      inFinally.resolve(names.getStore());
    }
  });
  const app = express().use(setName, handler);
  {
    await using stream = await openStream(app, '/?name=alice');
    expect((await stream.next()).data).toBe('alice');
    expect((await stream.next()).data).toMatch(/^alice x/);
  }
  expect(await inFinally.promise).toBe('alice');
});

it('leaves nothing of that context in what streams share', async () => {
  const names = new AsyncLocalStorage<string>();
  const setName: RequestHandler = (req, _res, next) => names.run(String(req.query.name), next);
  await using trigger = new SseTrigger();
  const abortedIn = deferred<string | undefined>();
  const filling = eventStream(
    trigger,
    async function* () {
      for (;;) yield { data: 'x'.repeat(100_000) };
    },
    { heartbeat: 100 },
  );
  const waiting = eventStream(
    trigger,
    async function* (_, { signal }) {
      signal.addEventListener('abort', () => abortedIn.resolve(names.getStore()));
      yield { data: 1 };
      await once(signal, 'abort');
    },
    { lifetime: 1000 },
  );
  const app = express().use(setName).get('/filling', filling).get('/waiting', waiting);
  await using served = await serve(app);
  // What blocks and drains hers happens in the context of her request, and there her next heartbeat is planned.
  await using alice = await openStream(served.url, '/filling?name=alice');
  for (let event = 0; event < 20; event += 1) await alice.next();
  await using _ = await openStream(served.url, '/waiting?name=bob');
  expect(await abortedIn.promise).not.toBe('alice');
});

it('is off the session by the time its source runs', async () => {
  const store = new session.MemoryStore();
  const options = { secret: 'secret', store, resave: true, saveUninitialized: true };
  await using trigger = new SseTrigger();
  const setName: RequestHandler = (req, _res, next) => {
    Object.assign(req.session, { name: 'alice' });
    next();
  };
  const handler = eventStream(trigger, async function* (req) {
    yield { data: [req.sessionID, Object(req.session).name] };
  });
  const app = express().use(session(options), setName, handler);
  await using stream = await openStream(app, '/');
  expect((await stream.next()).data).toBe('[null,"alice"]');
  await stream.rest();
  expect(Object.keys(Object(store).sessions)).toEqual([]);
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
