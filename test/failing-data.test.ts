import type { Request } from 'express';
import { describe, expect, it } from 'vitest';
import { streamSse } from '../src/index.ts';
import { deferred } from './support/deferred.ts';
import { head } from './support/serve.ts';
import { streamApp } from './support/stream-app.ts';
import { textUntil } from './support/text-until.ts';
import { until } from './support/until.ts';

const byId = '/:id';
const idOf = (req: Request<{ id: string }>) => req.params.id;

describe('a failing data (D1)', () => {
  const secret = 'password=hunter2';
  const failures: [string, () => unknown][] = [
    [
      'throws',
      () => {
        throw new Error(secret);
      },
    ],
    ['rejects', () => Promise.reject(new Error(secret))],
    ['rejects with a text', () => Promise.reject(secret)],
    ['rejects with nothing', () => Promise.reject()],
    ['gives a bigint', () => 1n],
    ['gives a cycle', () => cycle()],
    ['gives a function', () => () => secret],
    ['gives a symbol', () => Symbol(secret)],
    [
      'gives a toJSON that throws',
      () => ({
        toJSON() {
          throw new Error(secret);
        },
      }),
    ],
  ];

  it.each(failures)('that %s at first leaves the stream open and is told of', async (_, fail) => {
    let runs = 0;
    const data = () => (++runs === 1 ? fail() : 'well') as string;
    await using app = await streamApp((trigger) =>
      streamSse(trigger, { key: 'prices', data, throttle: 0, retry: [1, 1] }),
    );
    const response = await head(app.served.url);
    expect(response.statusCode).toBe(200);
    await until(() => app.errors.length === 1);
    expect(app.errors[0]).toMatchObject({ name: 'SseTriggerError', code: 'data_failed', route: '/' });
    await app.trigger.push('prices');
    const text = await textUntil(response.setEncoding('utf8'), 'data: ');
    expect(text).toMatch(/^: open\nretry: 1\n\nid: [\w-]{11}\ndata: well\n\n$/);
    expect(app.trigger.stats()).toMatchObject({ runs: 2, failures: 1 });
  });

  it('is tried again by itself', async () => {
    let runs = 0;
    await using app = await streamApp((trigger) =>
      streamSse(trigger, {
        key: 'a',
        data: () => {
          runs += 1;
          if (runs === 1) throw new Error(secret);
          return 'well';
        },
      }),
    );
    await using stream = await app.open();
    expect(await stream.nextBlock()).toMatchObject({ data: 'well' });
    expect(app.errors).toHaveLength(1);
  });

  it('keeps the last good frame for who comes meanwhile, and a push has it tried at once', async () => {
    let fails = false;
    const cause = new Error(secret);
    await using app = await streamApp((trigger) =>
      streamSse(trigger, {
        key: 'a',
        data: () => {
          if (fails) throw cause;
          return 'well';
        },
        throttle: 0,
      }),
    );
    await using stream = await app.open();
    const good = await stream.next();
    fails = true;
    await app.trigger.push('a');
    await until(() => app.errors.length === 1);
    expect(app.errors[0]).toMatchObject({ code: 'data_failed', cause });
    await using late = await app.open();
    expect(await late.next()).toEqual(good);
    fails = false;
    await app.trigger.push('a');
    const [moved, forBoth] = await Promise.all([stream.nextBlock(), late.nextBlock()]);
    expect(moved).toEqual({ id: expect.not.stringMatching(`^${good.id}$`) });
    expect(forBoth).toEqual(moved);
  });

  it('of one subject does not touch the others (D4)', async () => {
    const ok = deferred<string>();
    await using app = await streamApp((trigger) => ({
      [byId]: streamSse(trigger, {
        subject: idOf,
        key: () => 'shared',
        data: (id) => {
          if (id === 'bad') throw new Error(secret);
          return ok.promise.then((text) => `${id} ${text}`);
        },
        throttle: 0,
      }),
    }));
    await using bad = await app.open('/bad');
    await using good = await app.open('/good');
    await until(() => app.errors.length === 1);
    ok.resolve('well');
    expect(await good.next()).toMatchObject({ data: 'good well' });
    expect(app.errors[0]?.route).toBe(byId);
    expect(app.trigger.stats().streams).toBe(2);
    await bad[Symbol.asyncDispose]();
  });
});

function cycle(): object {
  const object: Record<string, unknown> = {};
  object.self = object;
  return object;
}
