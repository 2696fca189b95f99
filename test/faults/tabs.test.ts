import type { Request } from 'express';
import { describe, expect, it } from 'vitest';
import { streamSse } from '../../src/index.ts';
import { newCounters } from '../../src/stats.ts';
import { connectRaw, type RawClient } from '../support/raw-client.ts';
import { streamApp } from '../support/stream-app.ts';
import type { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

const idle = { streams: 0, keys: 0 };
const LONG_RETRY = 30_000;

async function leave(clients: readonly AsyncDisposable[]): Promise<void> {
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
}

/** What a client waits for before it leaves. */
const phases: ((client: RawClient) => Promise<unknown>)[] = [
  async () => {},
  (client) => client.until('HTTP/1.1 200'),
  (client) => client.until('retry:'),
  (client) => client.until('data:'),
];

describe('many streams (C4)', () => {
  it('of one viewer end, the oldest first, with a long retry, and leave the newest ten and everybody else', async () => {
    await using app = await streamApp((trigger) => ({
      '/:user': streamSse(trigger, {
        subject: (req: Request<{ user: string }>) => req.params.user,
        key: (user) => `of:${user}`,
        data: (user) => user,
      }),
    }));
    const other = await app.open('/bob');
    const tabs: StreamClient[] = [];
    for (let tab = 0; tab < 50; tab += 1) tabs.push(await app.open('/ann'));
    for (const tab of tabs.slice(0, 40)) {
      expect((await tab.rest()).at(-1)?.retry).toBeGreaterThanOrEqual(LONG_RETRY);
    }
    expect(app.trigger.stats().streams).toBe(11);
    const left = [other, ...tabs.slice(40)];
    for (const stream of left) await stream.next();
    await app.trigger.push(['of:ann', 'of:bob']);
    await until(() => app.trigger.stats().runs === 4);
    await leave(left);
    await until(() => app.trigger.stats().streams === 0);
    expect(app.trigger.stats()).toMatchObject({ ...idle, refused: newCounters().refused });
  });

  it('of a public route have no limit', async () => {
    await using app = await streamApp((trigger) => streamSse(trigger, { key: 'all', data: () => 'all' }));
    const viewers = await Promise.all(Array.from({ length: 1000 }, () => app.open()));
    for (const viewer of viewers) expect((await viewer.next()).data).toBe('all');
    expect(app.trigger.stats()).toMatchObject({ streams: 1000, runs: 1, refused: newCounters().refused });
    await leave(viewers);
    await until(() => app.trigger.stats().streams === 0);
    expect(app.trigger.stats()).toMatchObject(idle);
  });

  it('of the whole trigger are counted exactly, in whatever phase they were aborted', async () => {
    const maxStreams = 20;
    await using app = await streamApp(
      (trigger) => ({
        '/:id': streamSse(trigger, {
          subject: async (req: Request) => {
            await new Promise(setImmediate);
            return req.url;
          },
          key: (url) => url,
          data: async (url) => {
            await new Promise(setImmediate);
            return url;
          },
        }),
      }),
      { maxStreams },
    );
    for (let visit = 0; visit < 200; visit += 1) {
      await using client = await connectRaw(app.served.port);
      await client.send(`GET /${visit} HTTP/1.1\r\nHost: a\r\n\r\n`);
      await phases[visit % phases.length]!(client);
    }
    await until(() => app.trigger.stats().streams === 0);
    expect(app.trigger.stats()).toMatchObject(idle);

    const paths = Array.from({ length: maxStreams }, (_, index) => `/new-${index}`);
    const full = await Promise.all(paths.map((path) => app.open(path)));
    const before = app.errors.length;
    const newest = await app.open('/newest');
    expect(newest.opening).toMatchObject({ comment: 'later', retry: expect.any(Number) });
    expect(newest.opening.retry).toBeGreaterThanOrEqual(LONG_RETRY);
    expect(await newest.rest()).toEqual([]);
    expect(app.errors.slice(before)).toMatchObject([{ code: 'streams_full' }]);
    for (const stream of full) await stream.next();
    await leave(full);
    await until(() => app.trigger.stats().streams === 0);
    expect(app.trigger.stats()).toMatchObject(idle);
  });
});

describe('a stuck client of three feeds that leaves and comes back with its id (C7)', () => {
  it('gets exactly the frames that it never got', async () => {
    const states = { large: 0, small: 0, still: 0 };
    const filler = 'x'.repeat(2_000_000);
    await using app = await streamApp((trigger) =>
      streamSse(trigger, {
        feeds: [
          { eventName: 'large', key: 'large', data: () => `${states.large} ${filler}` },
          { eventName: 'small', key: 'small', data: () => states.small },
          { eventName: 'still', key: 'still', data: () => states.still },
        ],
        throttle: 0,
      }),
    );
    const { trigger } = app;
    const stuck = await app.open();
    let id = '';
    for (let event = 0; event < 3; event += 1) id = (await stuck.next()).id ?? id;
    // It reads no more, and the systems take only so much on the way.
    while (trigger.stats().conflated === 0) {
      states.large += 1;
      const { runs } = trigger.stats();
      await trigger.push('large');
      await until(() => trigger.stats().runs > runs);
    }
    states.small += 1;
    await trigger.push('small');
    await until(() => trigger.stats().runs === 3 + states.large + 1);
    await stuck[Symbol.asyncDispose]();
    await until(() => trigger.stats().streams === 0);

    await using back = await app.open('/', { 'last-event-id': id });
    const got = [await back.next(), await back.next()];
    expect(got.map(({ event }) => event).sort()).toEqual(['large', 'small']);
    for (const { event, data } of got)
      expect(Number.parseInt(data!, 10)).toBe(states[event as 'large' | 'small']);
    // Nothing else was on its way before this.
    states.still += 1;
    await trigger.push('still');
    expect(await back.next()).toMatchObject({ event: 'still', data: '1' });
  });
});
