import { AsyncLocalStorage } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import express, { type Request, Router } from 'express';
import { describe, expect, it } from 'vitest';
import { type Handler, SseTrigger, type SseTriggerError, streamSse } from '../src/index.ts';
import { serve } from './support/serve.ts';
import { streamApp } from './support/stream-app.ts';
import { openStream } from './support/stream-client.ts';
import { until } from './support/until.ts';

const byId = '/:id';
const idOf = (req: Request<{ id: string }>) => req.params.id;

describe('a callback for everybody', () => {
  it('gets no argument', async () => {
    const got: unknown[][] = [];
    await using app = await streamApp((trigger) =>
      streamSse(trigger, { key: 'ticker', data: (...args: unknown[]) => got.push(args) }),
    );
    const stream = await app.open();
    await stream.next();
    expect(got).toEqual([[]]);
  });
});

describe('one subject', () => {
  it('runs data once for 50 streams and writes one buffer to all of them', async () => {
    const written: Buffer[] = [];
    let runs = 0;
    await using app = await streamApp((trigger) => {
      const stream = streamSse(trigger, {
        subject: () => ({ user: 7, role: 'admin' }),
        key: () => 'user:7',
        data: () => {
          runs += 1;
          return { runs };
        },
        maxPerViewer: 50,
        throttle: 0,
      });
      return (req, res, next) => {
        const write = res.write.bind(res);
        res.write = (bytes: Buffer) => {
          written.push(bytes);
          return write(bytes);
        };
        stream(req, res, next);
      };
    });
    const streams = await Promise.all(Array.from({ length: 50 }, () => app.open()));
    await Promise.all(streams.map((stream) => stream.next()));
    expect(runs).toBe(1);

    written.length = 0;
    await app.trigger.push('user:7');
    const events = await Promise.all(streams.map((stream) => stream.next()));
    expect(new Set(events.map(({ data }) => data))).toEqual(new Set(['{"runs":2}']));
    expect(runs).toBe(2);
    expect(written).toHaveLength(50);
    expect(new Set(written).size).toBe(1);
    expect(app.trigger.stats()).toMatchObject({ streams: 50, keys: 1, runs: 2, frames: 100 });
    await Promise.all(streams.map((stream) => stream[Symbol.asyncDispose]()));
  });

  it('gives a frame at hand to who comes later, without a run', async () => {
    await using app = await streamApp((trigger) =>
      streamSse(trigger, { key: 'a', data: () => 'shown', eventName: 'price' }),
    );
    await using first = await app.open();
    const event = await first.next();
    await using second = await app.open();
    expect(await second.next()).toEqual(event);
    expect(event).toMatchObject({ event: 'price', data: 'shown' });
    expect(app.trigger.stats().runs).toBe(1);
  });

  it('runs at most once more for pushes during a run', async () => {
    const began: (() => void)[] = [];
    await using app = await streamApp((trigger) =>
      streamSse(trigger, {
        key: 'a',
        data: () => new Promise<number>((resolve) => began.push(() => resolve(began.length))),
        throttle: 0,
      }),
    );
    await using stream = await app.open();
    await until(() => began.length === 1);
    for (let push = 0; push < 10; push += 1) await app.trigger.push('a');
    began[0]?.();
    expect(await stream.next()).toMatchObject({ data: '1' });
    await until(() => began.length === 2);
    began[1]?.();
    expect(await stream.next()).toMatchObject({ data: '2' });
    expect(app.trigger.stats().runs).toBe(2);
  });

  it('has keys of its own: one push of any of them, or of one more', async () => {
    let count = 0;
    await using app = await streamApp((trigger) => ({
      [byId]: streamSse(trigger, {
        subject: idOf,
        key: (id) => [`order:${id}`, `shipment:${id}`],
        data: (id) => `${id} ${++count}`,
        throttle: 0,
      }),
    }));
    await using stream = await app.open('/7');
    expect(await stream.next()).toMatchObject({ data: '7 1' });
    await app.trigger.push('shipment:7');
    expect(await stream.next()).toMatchObject({ data: '7 2' });
    await app.trigger.push(['order:7', 'shipment:7']);
    expect(await stream.next()).toMatchObject({ data: '7 3' });
    await app.trigger.push('order:8');
    await app.trigger.push('order:7');
    expect(await stream.next()).toMatchObject({ data: '7 4' });
  });
});

describe('what data gives', () => {
  it.each([
    ['a text as it is', '{"not": quoted}', '{"not": quoted}'],
    ['a text of no length', '', ''],
    ['a number', 7, '7'],
    ['null', null, 'null'],
    ['false', false, 'false'],
    ['an object as JSON', { a: ['é', 1] }, '{"a":["é",1]}'],
    ['what a toJSON gives', new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ['a lone surrogate as U+FFFD', 'a\uD83D', 'a\uFFFD'],
    ['many lines', 'a\r\nb\rc', 'a\nb\nc'],
    ['10 MB', 'x'.repeat(10_485_760), 'x'.repeat(10_485_760)],
  ])('%s', async (_, given, received) => {
    await using app = await streamApp((trigger) => streamSse(trigger, { key: 'a', data: async () => given }));
    await using stream = await app.open();
    expect((await stream.next()).data === received).toBe(true);
  });

  it('is not sent when it is undefined, and counts as shown (W4)', async () => {
    let shown: string | undefined;
    const data = (() => shown) as () => string;
    await using app = await streamApp((trigger) => streamSse(trigger, { key: 'a', data, throttle: 0 }));
    await using stream = await app.open();
    const { data: nothing, id } = await stream.nextBlock();
    expect(nothing).toBeUndefined();
    await using back = await app.open('/', { 'last-event-id': id ?? '' });
    await until(() => app.trigger.stats().resumed === 1);
    shown = 'something';
    await app.trigger.push('a');
    for (const client of [stream, back]) expect(await client.next()).toMatchObject({ data: 'something' });
    expect(app.trigger.stats()).toMatchObject({ runs: 2, frames: 2, failures: 0 });
  });

  it('is not sent again when its bytes are the same, but its id is (D5)', async () => {
    let shown = 'same';
    await using app = await streamApp((trigger) =>
      streamSse(trigger, { key: 'a', data: () => shown, throttle: 0 }),
    );
    await using stream = await app.open();
    const { id } = await stream.next();
    await app.trigger.push('a');
    const moved = await stream.nextBlock();
    expect(moved).toEqual({ id: expect.stringMatching(/^[\w-]{11}$/) });
    expect(moved.id).not.toBe(id);
    shown = 'other';
    await app.trigger.push('a');
    expect(await stream.nextBlock()).toMatchObject({ data: 'other' });
    expect(app.trigger.stats()).toMatchObject({ runs: 3, frames: 2 });
  });
});

it('reads again without a push where resync is on, and writes nothing when it is the same', async () => {
  let shown = 'same';
  await using app = await streamApp((trigger) =>
    streamSse(trigger, { key: 'a', data: () => shown, resync: 1, throttle: 0 }),
  );
  await using stream = await app.open();
  await stream.next();
  await until(() => app.trigger.stats().runs > 5);
  shown = 'other';
  expect(await stream.nextBlock()).toMatchObject({ data: 'other' });
  expect(app.trigger.stats().frames).toBe(2);
});

it('runs data outside the context of any request and of any push', async () => {
  const context = new AsyncLocalStorage<string>();
  await using app = await streamApp((trigger) => {
    const stream = streamSse(trigger, {
      subject: () => context.getStore(),
      key: (inSubject) => `${inSubject} ${context.getStore()}`,
      data: (inSubject) => [inSubject, String(context.getStore())],
      throttle: 0,
    });
    return (req, res, next) => context.run('request', () => stream(req, res, next));
  });
  await using stream = await app.open();
  expect(await stream.next()).toMatchObject({ data: '["request","undefined"]' });
  await context.run('push', () => app.trigger.push('request request'));
  await stream.nextBlock();
  expect(app.trigger.stats()).toMatchObject({ runs: 2, frames: 1 });
});

describe('an error names the route', () => {
  it.each([
    ['app.get', '/prices?token=secret', (handler: Handler) => express().get('/prices', handler), '/prices'],
    ['a parameter', '/orders/7', (handler: Handler) => express().get('/orders/:id', handler), '/orders/:id'],
    [
      'a router',
      '/api/v1/prices',
      (handler: Handler) => express().use('/api', Router().use('/v1', Router().get('/prices', handler))),
      '/api/v1/prices',
    ],
    ['app.use', '/prices?token=secret', (handler: Handler) => express().use('/prices', handler), '/prices'],
    ['no Express', '/prices?token=secret', (handler: Handler) => handler, '/prices'],
  ])('as it was mounted with %s', async (_, url, mount, route) => {
    const errors: SseTriggerError[] = [];
    await using trigger = new SseTrigger({ onError: (error) => errors.push(error) });
    const data = () => {
      throw new Error('down');
    };
    const listener = mount(streamSse(trigger, { key: 'a', data }));
    await using app = await serve((req, res) => listener(req as never, res as never, () => {}));
    await using stream = await openStream(app.url, url);
    await until(() => errors.length === 1);
    expect(errors[0]?.route?.replace(/\/$/, '')).toBe(route);
    await stream[Symbol.asyncDispose]();
  });
});

it('streams to curl -N', async () => {
  let price = 1;
  await using app = await streamApp((trigger) =>
    streamSse(trigger, { key: 'a', data: () => ({ price }), eventName: 'price', throttle: 0 }),
  );
  const curl = spawn('curl', ['-Nsi', app.served.url], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(curl, 'spawn');
  const ended = once(curl, 'exit');
  const lines: string[] = [];
  for await (const line of createInterface(curl.stdout)) {
    lines.push(line);
    if (line === 'data: {"price":1}') {
      price = 2;
      await app.trigger.push('a');
    } else if (line === 'data: {"price":2}') {
      await app.trigger.drain(0);
    }
  }
  expect(await ended).toEqual([0, null]);
  expect(lines[0]).toBe('HTTP/1.1 200 OK');
  expect(lines.slice(lines.indexOf('') + 1).map((line) => line.replace(/^(id|retry): .*/, '$1'))).toEqual([
    ...[': open', 'retry', ''],
    ...['id', 'event: price', 'data: {"price":1}', ''],
    ...['id', 'event: price', 'data: {"price":2}', ''],
    ...['retry', ''],
  ]);
});
