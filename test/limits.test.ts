import type { Request } from 'express';
import { describe, expect, it } from 'vitest';
import { streamSse } from '../src/index.ts';
import { streamApp } from './support/stream-app.ts';
import { until } from './support/until.ts';

const idle = { streams: 0, keys: 0 };

describe('maxPerViewer (C4)', () => {
  it('ends the oldest streams of a subject, and no others', async () => {
    await using app = await streamApp((trigger) => ({
      '/:id': streamSse(trigger, {
        subject: (req: Request<{ id: string }>) => ({ id: req.params.id }),
        key: ({ id }) => id,
        data: ({ id }) => id,
        maxPerViewer: 2,
      }),
      '/other/:id': streamSse(trigger, {
        subject: (req: Request<{ id: string }>) => ({ id: req.params.id }),
        key: ({ id }) => id,
        data: ({ id }) => id,
        maxPerViewer: 2,
      }),
    }));
    const bob = await app.open('/bob');
    const elsewhere = await app.open('/other/ann');
    const tabs = [];
    for (let tab = 0; tab < 5; tab += 1) tabs.push(await app.open('/ann'));
    for (const tab of tabs.slice(0, 3)) {
      const last = (await tab.rest()).at(-1);
      expect(last).toEqual({ retry: expect.any(Number) });
      expect(last?.retry).toBeGreaterThanOrEqual(30_000);
      expect(last?.retry).toBeLessThanOrEqual(60_000);
    }
    expect(app.trigger.stats()).toMatchObject({ streams: 4, closed: { replaced: 3 } });
    for (const stream of [bob, elsewhere, tabs[3], tabs[4]]) {
      expect((await stream?.next())?.data).toMatch(/^(ann|bob)$/);
      await stream?.[Symbol.asyncDispose]();
    }
    await until(() => app.trigger.stats().streams === 0);
    expect(app.trigger.stats()).toMatchObject(idle);
  });

  it('counts a stream no longer that has left', async () => {
    await using app = await streamApp((trigger) =>
      streamSse(trigger, { subject: () => 1, key: () => 'a', data: () => 'a', maxPerViewer: 1 }),
    );
    for (let visit = 0; visit < 3; visit += 1) {
      await using stream = await app.open();
      await stream.next();
      await stream[Symbol.asyncDispose]();
      await until(() => app.trigger.stats().streams === 0);
    }
    await using stream = await app.open();
    expect(await stream.next()).toMatchObject({ data: 'a' });
  });

  it('does not hold for a public stream', async () => {
    await using app = await streamApp((trigger) =>
      streamSse(trigger, { key: 'a', data: () => 'a', maxPerViewer: 1 }),
    );
    const streams = await Promise.all(Array.from({ length: 20 }, () => app.open()));
    await Promise.all(streams.map((stream) => stream.next()));
    expect(app.trigger.stats()).toMatchObject({ streams: 20, runs: 1 });
    await Promise.all(streams.map((stream) => stream[Symbol.asyncDispose]()));
  });
});

describe('maxStreams (C4)', () => {
  it('has the newest come back later, until there is room', async () => {
    await using app = await streamApp((trigger) => streamSse(trigger, { key: 'a', data: () => 'a' }), {
      maxStreams: 2,
    });
    await using first = await app.open();
    await using second = await app.open();
    await using third = await app.open();
    expect(third.opening.comment).toBe('later');
    expect(third.opening.retry).toBeGreaterThanOrEqual(30_000);
    expect(third.opening.retry).toBeLessThanOrEqual(60_000);
    expect(await third.rest()).toEqual([]);
    expect(app.errors).toMatchObject([{ code: 'streams_full', route: '/' }]);
    expect(app.trigger.stats()).toMatchObject({ streams: 2, refused: { full: 1 } });

    await first[Symbol.asyncDispose]();
    await until(() => app.trigger.stats().streams === 1);
    await using fourth = await app.open();
    for (const stream of [second, fourth]) expect(await stream.next()).toMatchObject({ data: 'a' });
    expect(app.trigger.stats()).toMatchObject({ streams: 2, refused: { full: 1 } });
  });

  it('counts what was opened, not what was asked for', async () => {
    await using app = await streamApp(
      (trigger) => ({
        '/nobody': streamSse(trigger, { subject: () => '', key: () => 'a', data: () => 1 }),
        '/all': streamSse(trigger, { key: 'a', data: () => 1 }),
      }),
      { maxStreams: 1 },
    );
    await expect(app.open('/nobody')).rejects.toThrow('401');
    await using stream = await app.open('/all');
    expect(await stream.next()).toMatchObject({ data: '1' });
  });
});
