import diagnosticsChannel from 'node:diagnostics_channel';
import type { Request } from 'express';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { diagnostics } from '../src/diagnostics.ts';
import { eventStream, streamSse } from '../src/index.ts';
import { streamApp } from './support/stream-app.ts';
import { until } from './support/until.ts';

/** Hears what is told on a channel until it is disposed of. */
function listenTo(name: keyof typeof diagnostics): { readonly heard: unknown[] } & Disposable {
  const heard: unknown[] = [];
  const listener = (message: unknown) => void heard.push(message);
  diagnosticsChannel.subscribe(`sse-trigger:${name}`, listener);
  return {
    heard,
    [Symbol.dispose]: () => void diagnosticsChannel.unsubscribe(`sse-trigger:${name}`, listener),
  };
}

const durationMs = expect.any(Number);

afterEach(() => void vi.restoreAllMocks());

describe('the diagnostics channels', () => {
  it('tell the way of a push through a stream, and no payload', async () => {
    using pushes = listenTo('push');
    using runs = listenTo('run');
    using frames = listenTo('frame');
    using opened = listenTo('open');
    using closed = listenTo('close');
    await using app = await streamApp((trigger) => ({
      '/orders/:id': streamSse(trigger, {
        subject: (req: Request<{ id: string }>) => req.params.id,
        key: (id) => `order:${id}`,
        data: () => 'secret',
        eventName: 'order',
      }),
    }));
    await using stream = await app.open('/orders/7');
    expect(opened.heard).toEqual([{ route: '/orders/:id' }]);
    const first = await stream.next();
    expect(first).toMatchObject({ event: 'order', data: 'secret' });
    const run = { route: '/orders/:id', keys: ['order:7'], outcome: 'done', durationMs };
    expect(runs.heard).toEqual([run]);
    const bytes = Buffer.byteLength(`id: ${first?.id}\nevent: order\ndata: secret\n\n`);
    expect(frames.heard).toEqual([{ route: '/orders/:id', bytes }]);

    await app.trigger.push('order:7');
    await until(() => pushes.heard.length === 1 && runs.heard.length === 2);
    expect(pushes.heard).toEqual([{ keys: ['order:7'], stored: true, durationMs }]);
    // The same result again is no frame.
    expect(frames.heard).toHaveLength(1);

    await stream[Symbol.asyncDispose]();
    await until(() => closed.heard.length === 1);
    expect(closed.heard).toEqual([{ route: '/orders/:id', reason: 'client', durationMs }]);
  });

  it('are told nothing while nobody listens', async () => {
    const publish = Object.values(diagnostics).map((channel) => vi.spyOn(channel, 'publish'));
    await using app = await streamApp((trigger) =>
      streamSse(trigger, { key: 'a', data: () => Math.random() }),
    );
    {
      await using stream = await app.open();
      await stream.next();
      await app.trigger.push('a');
      await stream.next();
    }
    await until(() => app.trigger.stats().closed.client === 1);
    expect(publish).toHaveLength(5);
    for (const told of publish) expect(told).not.toHaveBeenCalled();
  });

  it('tell how a call of data went', async () => {
    using runs = listenTo('run');
    const outcomes: (() => unknown)[] = [
      () => Promise.reject(new Error('no')),
      () => new Promise(() => {}),
      () => new Promise(() => {}),
    ];
    await using app = await streamApp((trigger) =>
      streamSse(trigger, {
        key: 'a',
        data: () => outcomes.shift()?.() as string,
        dataTimeout: 100,
        throttle: 0,
      }),
    );
    await using stream = await app.open();
    await until(() => runs.heard.length === 1);
    await app.trigger.push('a');
    await until(() => runs.heard.length === 2);
    await app.trigger.push('a');
    await until(() => outcomes.length === 0);
    await stream[Symbol.asyncDispose]();
    await until(() => runs.heard.length === 3);
    expect(runs.heard).toMatchObject([{ outcome: 'failed' }, { outcome: 'late' }, { outcome: 'abandoned' }]);
  });

  it('tell of an event stream, too', async () => {
    using frames = listenTo('frame');
    using closed = listenTo('close');
    await using app = await streamApp((trigger) => ({
      '/export': eventStream(trigger, async function* () {
        yield { data: 1 };
      }),
    }));
    await using stream = await app.open('/export');
    await stream.rest();
    await until(() => closed.heard.length === 1);
    expect(frames.heard).toEqual([{ route: '/export', bytes: Buffer.byteLength('data: 1\n\n') }]);
    expect(closed.heard).toEqual([{ route: '/export', reason: 'complete', durationMs }]);
  });
});

describe('stats', () => {
  it('say why streams have ended', async () => {
    await using app = await streamApp((trigger) => ({
      '/drained': streamSse(trigger, { key: 'a', data: () => 1 }),
      '/old': streamSse(trigger, { key: 'a', data: () => 1, lifetime: 100 }),
      '/tabs': streamSse(trigger, { subject: () => 1, key: () => 'a', data: () => 1, maxPerViewer: 1 }),
      '/broken': eventStream(trigger, async function* () {
        yield { data: 1 };
        throw new Error('no');
      }),
    }));
    await using old = await app.open('/old');
    await old.rest();
    await using broken = await app.open('/broken');
    await broken.rest();
    await using replaced = await app.open('/tabs');
    await using tab = await app.open('/tabs');
    await replaced.rest();
    await tab[Symbol.asyncDispose]();
    await until(() => app.trigger.stats().streams === 0);
    await using drained = await app.open('/drained');
    await app.trigger.drain(0);
    await drained.rest();
    expect(app.trigger.stats().closed).toEqual({
      client: 1,
      stuck: 0,
      lifetime: 1,
      replaced: 1,
      permission: 0,
      drain: 1,
      complete: 0,
      failed: 1,
    });
  });

  it('say why requests did not become streams', async () => {
    let answer: () => string | undefined = () => undefined;
    await using app = await streamApp(
      (trigger) =>
        streamSse(trigger, {
          subject: () => answer(),
          authorize: () => false,
          key: () => 'a',
          data: () => 1,
        }),
      { maxStreams: 1 },
    );
    const ask = async (headers = {}) => (await fetch(app.served.url, { headers })).status;
    expect(await ask()).toBe(401);
    answer = () => 'ann';
    expect(await ask()).toBe(403);
    expect(await ask({ 'Sec-Fetch-Site': 'cross-site' })).toBe(403);
    answer = () => {
      throw new Error('the session store is down');
    };
    expect(await ask()).toBe(200);
    answer = () => {
      throw Object.assign(new Error('there is no such order'), { status: 404 });
    };
    expect(await ask()).toBe(404);
    expect(app.trigger.stats().refused).toEqual({
      method: 0,
      origin: 1,
      nobody: 1,
      permission: 1,
      answered: 1,
      pipelined: 0,
      draining: 0,
      full: 0,
      failed: 1,
    });
  });

  it('count the calls of authorize that failed, and no answer', async () => {
    let authorize: () => boolean = () => false;
    await using app = await streamApp((trigger) =>
      streamSse(trigger, { subject: () => 1, authorize: () => authorize(), key: () => 'a', data: () => 1 }),
    );
    const ask = async () => (await fetch(app.served.url)).status;
    expect(await ask()).toBe(403);
    authorize = () => {
      throw Object.assign(new Error('there is no such order'), { status: 404 });
    };
    expect(await ask()).toBe(404);
    expect(app.trigger.stats()).toMatchObject({ asks: 2, askFailures: 0, failures: 0 });
    authorize = () => {
      throw new Error('the database is away');
    };
    await using _stream = await app.open();
    const { asks, askFailures, failures } = app.trigger.stats();
    expect(askFailures).toBeGreaterThan(0);
    expect([askFailures, failures]).toEqual([asks - 2, 0]);
  });

  it('give copies, which stay as they are', async () => {
    await using app = await streamApp((trigger) => streamSse(trigger, { key: 'a', data: () => 1 }));
    const before = app.trigger.stats();
    await using stream = await app.open();
    await stream[Symbol.asyncDispose]();
    await until(() => app.trigger.stats().closed.client === 1);
    expect(before).toMatchObject({ streams: 0, closed: { client: 0 } });
  });

  it('give the last trouble with the store', async () => {
    const store = {
      read: () => Promise.reject(new Error('connection refused')),
      write: () => Promise.reject(new Error('read only')),
      add: () => Promise.resolve(),
    };
    await using app = await streamApp((trigger) => streamSse(trigger, { key: 'a', data: () => 1 }), {
      store,
    });
    expect(app.trigger.stats().storeError).toBeUndefined();
    const began = Date.now();
    await using stream = await app.open();
    await stream.next();
    const { storeError, storeDown } = app.trigger.stats();
    expect(storeDown).toBe(true);
    expect(storeError).toMatchObject({
      code: 'read_failed',
      message: expect.stringMatching(/: connection refused$/),
    });
    expect(storeError?.at).toBeGreaterThanOrEqual(began);
    expect(await app.trigger.push('a')).toBe(false);
    expect(app.trigger.stats().storeError).toMatchObject({
      code: 'write_failed',
      message: expect.stringMatching(/: read only$/),
    });
  });
});
