import type { Request } from 'express';
import { describe, expect, it } from 'vitest';
import { streamSse } from '../src/index.ts';
import { RecordingStore } from './support/recording-store.ts';
import { streamApp } from './support/stream-app.ts';
import { until } from './support/until.ts';

const id = (lastEventId: string | undefined) => ({ 'last-event-id': lastEventId ?? '' });

describe('who comes back', () => {
  it('with a position that stands gets no data and no run, and after a push a frame', async () => {
    let count = 0;
    await using app = await streamApp((trigger) =>
      streamSse(trigger, { key: 'a', data: () => ++count, throttle: 0 }),
    );
    let position: string | undefined;
    {
      await using stream = await app.open();
      ({ id: position } = await stream.next());
    }
    // Nobody looks any more, so that no frame is at hand.
    await until(() => app.trigger.stats().streams === 0);
    await using back = await app.open('/', id(position));
    await until(() => app.trigger.stats().resumed === 1);
    expect(app.trigger.stats()).toMatchObject({ runs: 1, frames: 1 });
    await app.trigger.push('a');
    expect(await back.nextBlock()).toMatchObject({ data: '2' });
    expect(app.trigger.stats()).toMatchObject({ runs: 2, frames: 2 });
  });

  it('after a push while away gets a frame', async () => {
    await using app = await streamApp((trigger) => streamSse(trigger, { key: 'a', data: () => 'same' }));
    let position: string | undefined;
    {
      await using stream = await app.open();
      ({ id: position } = await stream.next());
    }
    await app.trigger.push('a');
    await using back = await app.open('/', id(position));
    const { data, id: moved } = await back.nextBlock();
    expect(data).toBe('same');
    expect(moved).not.toBe(position);
  });

  it('with the id alone that it was sent last is up to date too', async () => {
    await using app = await streamApp((trigger) =>
      streamSse(trigger, { key: 'a', data: () => 'same', throttle: 0 }),
    );
    await using stream = await app.open();
    await stream.next();
    await app.trigger.push('a');
    const { id: moved } = await stream.nextBlock();
    await using back = await app.open('/', id(moved));
    await until(() => app.trigger.stats().resumed === 1);
    expect(app.trigger.stats()).toMatchObject({ runs: 2, frames: 1 });
    await back[Symbol.asyncDispose]();
  });

  it('with the position of another subject, route, key, event name or revision gets a frame', async () => {
    await using app = await streamApp((trigger) => ({
      '/users/:id': streamSse(trigger, {
        subject: (req: Request<{ id: string }>) => req.params.id,
        key: () => 'a',
        data: () => 1,
      }),
      '/same': streamSse(trigger, { key: 'a', data: () => 1 }),
      '/twin': streamSse(trigger, { key: 'a', data: () => 1 }),
      '/key': streamSse(trigger, { key: 'b', data: () => 1 }),
      '/name': streamSse(trigger, { key: 'a', data: () => 1, eventName: 'x' }),
    }));
    const positions = new Set([undefined as string | undefined]);
    for (const path of ['/users/1', '/users/2', '/same', '/twin', '/key', '/name']) {
      for (const position of [...positions]) {
        await using stream = await app.open(path, id(position));
        const event = await stream.nextBlock();
        expect(event.data).toBe('1');
        expect(event.id).not.toBe(position);
        positions.add(event.id);
      }
    }
    expect(positions.size).toBe(7);
    expect(app.trigger.stats().resumed).toBe(0);
  });

  it('to another process with the same routes is known there, unless its revision is another', async () => {
    const store = new RecordingStore();
    const newProcess = (revision: string | undefined, eventName?: string) =>
      streamApp((trigger) => streamSse(trigger, { key: 'a', data: () => 1, revision, eventName }), { store });
    await using first = await newProcess('1');
    await using stream = await first.open();
    const { id: position } = await stream.next();
    await using same = await newProcess('1');
    await using known = await same.open('/', id(position));
    await until(() => same.trigger.stats().resumed === 1);
    expect(same.trigger.stats()).toMatchObject({ streams: 1, runs: 0, frames: 0 });
    for (const others of [newProcess('2'), newProcess(undefined), newProcess('1', 'price')]) {
      await using other = await others;
      await using stranger = await other.open('/', id(position));
      expect(await stranger.nextBlock()).toMatchObject({ data: '1' });
    }
    await known[Symbol.asyncDispose]();
  });

  it.each([
    ['nothing', ''],
    ['a foreign id', '4711'],
    ['one of our form', 'AAAAAAAAAAA'],
    ['many positions', 'AAAAAAAAAAA.AAAAAAAAAAA'],
    ['dots', '...'],
    ['the sign for nothing', '-'],
    ['no text at all', Buffer.from([0xff, 0xfe, 0x80]).toString('latin1')],
    ['10 KB', 'A'.repeat(10_000)],
  ])('with %s for an id gets a full frame and nothing else (P8)', async (_, forged) => {
    await using app = await streamApp((trigger) => streamSse(trigger, { key: 'a', data: () => 1 }));
    await using stream = await app.open('/', id(forged));
    expect(await stream.nextBlock()).toEqual({ data: '1', id: expect.stringMatching(/^[\w-]{11}$/) });
    expect(app.errors).toEqual([]);
  });
});

describe('several feeds on one connection', () => {
  /** Two feeds of a user and one for everybody. */
  async function threeFeeds() {
    const runs: string[] = [];
    const run = (what: string) => {
      runs.push(what);
      return what;
    };
    const app = await streamApp((trigger) => ({
      '/:id': streamSse(trigger, {
        subject: (req: Request<{ id: string }>) => req.params.id,
        feeds: [
          { eventName: 'orders', key: (user) => `orders:${user}`, data: (user) => run(`orders of ${user}`) },
          { key: (user) => `mail:${user}`, data: (user) => run(`mail of ${user}`) },
          { eventName: 'ticker', key: 'ticker', data: () => run('ticker') },
        ],
        throttle: 0,
        revision: '1',
      }),
    }));
    return { app, runs };
  }

  it('come under their names, with an id that tells what was written of each', async () => {
    const { app, runs } = await threeFeeds();
    await using _ = app;
    await using stream = await app.open('/ann');
    const events = [await stream.next(), await stream.next(), await stream.next()];
    expect(runs).toEqual(['orders of ann', 'mail of ann', 'ticker']);
    expect(events.map(({ event, data }) => [event, data])).toEqual([
      ['orders', 'orders of ann'],
      [undefined, 'mail of ann'],
      ['ticker', 'ticker'],
    ]);
    const [orders, mail, ticker] = events.at(-1)?.id?.split('.') ?? [];
    expect(events.map((event) => event.id)).toEqual([
      `${orders}.-.-`,
      `${orders}.${mail}.-`,
      `${orders}.${mail}.${ticker}`,
    ]);
    expect(new Set([orders, mail, ticker]).size).toBe(3);
  });

  it('run each by itself, and the shared one once for all subjects', async () => {
    const { app, runs } = await threeFeeds();
    await using _ = app;
    await using ann = await app.open('/ann');
    const annId = await lastOf(ann.next(), ann.next(), ann.next());
    await using bob = await app.open('/bob');
    await lastOf(bob.next(), bob.next(), bob.next());
    expect(runs.filter((what) => what === 'ticker')).toHaveLength(1);

    await app.trigger.push('mail:ann');
    const { data, event, id: moved } = await ann.nextBlock();
    // The result is the same, so it is only the id that moves, and in it only the place of the feed.
    expect([data, event]).toEqual([undefined, undefined]);
    const [orders, mail, ticker] = annId?.split('.') ?? [];
    expect(moved).toMatch(new RegExp(`^${orders}\\.[\\w-]{11}\\.${ticker}$`));
    expect(moved?.split('.')[1]).not.toBe(mail);
    expect(runs.filter((what) => what === 'mail of ann')).toHaveLength(2);
    expect(runs).toHaveLength(6);
  });

  it('may watch the same key and show different things', async () => {
    await using app = await streamApp((trigger) =>
      streamSse(trigger, {
        feeds: [
          { key: 'a', data: () => 'one' },
          { eventName: 'other', key: 'a', data: () => 'other' },
        ],
      }),
    );
    await using stream = await app.open();
    expect([(await stream.next()).data, (await stream.next()).data].sort()).toEqual(['one', 'other']);
  });

  it('are resumed each by itself: only what changed comes', async () => {
    const { app, runs } = await threeFeeds();
    await using _ = app;
    let position: string | undefined;
    {
      await using ann = await app.open('/ann');
      position = await lastOf(ann.next(), ann.next(), ann.next());
    }
    await until(() => app.trigger.stats().streams === 0);
    await app.trigger.push('mail:ann');
    await using back = await app.open('/ann', id(position));
    expect(await back.nextBlock()).toMatchObject({ data: 'mail of ann' });
    expect(app.trigger.stats().resumed).toBe(2);
    expect(runs).toHaveLength(4);

    const [orders, , ticker] = position?.split('.') ?? [];
    await using half = await app.open('/ann', id(`${orders}.-.${ticker}`));
    expect(await half.nextBlock()).toMatchObject({ data: 'mail of ann' });
    expect(runs).toHaveLength(4);
  });
});

/** The id of the last of these events. */
async function lastOf(...events: Promise<{ id?: string | undefined }>[]): Promise<string | undefined> {
  return (await Promise.all(events)).at(-1)?.id;
}
