import { AsyncLocalStorage } from 'node:async_hooks';
import express, { type ErrorRequestHandler, type Request } from 'express';
import session, { MemoryStore } from 'express-session';
import request from 'supertest';
import { describe, expect, it } from 'vitest';
import { SseTrigger, streamSse } from '../src/index.ts';
import { newCounters } from '../src/stats.ts';
import { deferred } from './support/deferred.ts';
import { connectRaw } from './support/raw-client.ts';
import { head, serve } from './support/serve.ts';
import { streamApp } from './support/stream-app.ts';
import { openStream } from './support/stream-client.ts';
import { until } from './support/until.ts';

const idle = { streams: 0, keys: 0 };
const orderOf = (req: Request<{ id: string }>) => req.params.id;
const userOf = (req: Request<{ id: string }>) => String(req.headers['x-user'] ?? '');
const as = (user: string) => ({ 'x-user': user });

/** Orders of which a database says who may see them; all of them change with one key. */
async function orders(maxPerViewer = 10) {
  const owners = new Map([
    ['1', new Set(['alice', 'bob'])],
    ['2', new Set(['alice'])],
  ]);
  const seen: unknown[][] = [];
  const keysOf: unknown[] = [];
  let state = 0;
  const app = await streamApp((trigger) => ({
    '/orders/:id': streamSse(trigger, {
      subject: orderOf,
      viewer: userOf,
      authorize: async (order, user) => owners.get(order)?.has(user) ?? false,
      authorizeKey: (_, user) => `roles:${user}`,
      key: (order) => {
        keysOf.push(order);
        return 'orders';
      },
      data: (...args: unknown[]) => {
        seen.push(args);
        return `${args[0]} in state ${state}`;
      },
      throttle: 0,
      maxPerViewer,
    }),
  }));
  const save = () => {
    state += 1;
    return app.trigger.push('orders');
  };
  return { app, owners, seen, keysOf, save };
}

describe('authorize', () => {
  it('lets in who may look, and answers 403 to who may not before anything is read or any key asked for', async () => {
    const { app, seen, keysOf } = await orders();
    await using _ = app;
    await using stream = await app.open('/orders/2', as('alice'));
    expect(await stream.next()).toMatchObject({ data: '2 in state 0' });
    seen.length = keysOf.length = 0;
    const refused = await request(app.served.server).get('/orders/2').set(as('bob')).expect(403);
    expect(refused.text).toBe('This stream is not for you.\n');
    expect(refused.headers).toMatchObject({ 'cache-control': 'no-store' });
    expect([seen, keysOf]).toEqual([[], []]);
    expect(app.trigger.stats()).toMatchObject({ streams: 1, keys: 2, refused: { permission: 1 } });
  });

  it('never tells data who looks: all who may see the same share a run', async () => {
    const { app, seen } = await orders();
    await using _ = app;
    const streams = [
      await app.open('/orders/1', as('alice')),
      await app.open('/orders/1', as('alice')),
      await app.open('/orders/1', as('bob')),
    ];
    await Promise.all(streams.map((stream) => stream.next()));
    expect(seen).toEqual([['1', { signal: expect.any(AbortSignal) }]]);
    expect(app.trigger.stats()).toMatchObject({ asks: 2, runs: 1, keys: 3 });
    for (const stream of streams) await stream[Symbol.asyncDispose]();
    await until(() => app.trigger.stats().streams === 0);
    expect(app.trigger.stats()).toMatchObject(idle);
  });

  it('ends the streams of who may look no more when its key is pushed, and of nobody else; who comes back gets 403 (P4)', async () => {
    const { app, owners, save } = await orders();
    await using _ = app;
    const bob = await app.open('/orders/1', as('bob'));
    await using alice = await app.open('/orders/1', as('alice'));
    await Promise.all([bob.next(), alice.next()]);
    owners.get('1')!.delete('bob');
    await app.trigger.push('roles:bob');
    await save();
    const rest = await bob.rest();
    expect(rest).toEqual([{ retry: expect.any(Number) }]);
    expect(rest[0]!.retry).toBeLessThanOrEqual(1000);
    expect(await alice.next()).toMatchObject({ data: '1 in state 1' });
    await request(app.served.server).get('/orders/1').set(as('bob')).expect(403);
    expect(app.trigger.stats().streams).toBe(1);
  });

  it('sends no result of a run that is under way when the answer is no (P4)', async () => {
    let isAllowed = true;
    const reached = deferred();
    const goOn = deferred();
    let runs = 0;
    await using app = await streamApp((trigger) =>
      streamSse(trigger, {
        subject: () => 1,
        authorize: () => isAllowed,
        authorizeKey: () => 'roles',
        key: () => 'a',
        data: async () => {
          runs += 1;
          if (runs === 1) return 'first';
          reached.resolve();
          await goOn.promise;
          return 'secret';
        },
        throttle: 0,
      }),
    );
    const stream = await app.open();
    await stream.next();
    await app.trigger.push('a');
    await reached.promise;
    isAllowed = false;
    await app.trigger.push('roles');
    goOn.resolve();
    expect(await stream.rest()).toEqual([{ retry: expect.any(Number) }]);
  });

  it('that fails opens the stream all the same, and has it wait for the answer (P5)', async () => {
    let isAway = true;
    await using app = await streamApp((trigger) =>
      streamSse(trigger, {
        subject: () => 1,
        authorize: () => {
          if (isAway) throw new Error('a secret of the database');
          return true;
        },
        authorizeKey: () => 'roles',
        key: () => 'a',
        data: () => 'shown',
        heartbeat: 100,
      }),
    );
    await using stream = await app.open();
    expect(stream.opening).toMatchObject({ comment: 'open' });
    for (let block = 0; block < 2; block += 1) expect(await stream.nextBlock()).toEqual({ comment: '' });
    expect(app.errors[0]).toMatchObject({ code: 'authorize_failed', route: '/' });
    isAway = false;
    await app.trigger.push('roles');
    expect(await stream.next()).toMatchObject({ data: 'shown' });
  });

  it.each([
    ['undefined', undefined],
    ['an object', { id: 7 }],
    ['null', null],
  ])('that gives %s is no answer', async (_, answer) => {
    await using app = await streamApp((trigger) =>
      streamSse(trigger, {
        subject: () => 1,
        authorize: () => answer as unknown as boolean,
        key: () => 'a',
        data: () => 'secret',
      }),
    );
    await using stream = await app.open();
    await app.trigger.drain(0);
    expect(await stream.rest()).toEqual([{ retry: expect.any(Number) }]);
    expect(app.errors[0]).toMatchObject({
      code: 'authorize_failed',
      cause: expect.objectContaining({
        message: expect.stringMatching(/^authorize must give true or false, got/),
      }),
    });
  });

  it('may answer with an error of its own that has a status, as middleware does', async () => {
    await using trigger = new SseTrigger();
    const toText: ErrorRequestHandler = (error, _req, res, _next) => {
      res.status(error.status).send(error.message);
    };
    const app = express()
      .get(
        '/',
        streamSse(trigger, {
          subject: () => 1,
          authorize: () => {
            throw Object.assign(new Error('no such order'), { status: 404 });
          },
          key: () => 'a',
          data: () => 1,
        }),
      )
      .use(toText);
    expect((await request(app).get('/').expect(404)).text).toBe('no such order');
    expect(trigger.stats()).toMatchObject(idle);
  });

  it('runs outside the context of any request', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await using app = await streamApp((trigger) => {
      const stream = streamSse(trigger, {
        subject: () => 1,
        authorize: () => seen.push(storage.getStore()) > 0,
        authorizeKey: () => 'roles',
        key: () => 'a',
        data: () => 1,
      });
      return (...args) => storage.run('a request', () => stream(...args));
    });
    await using stream = await app.open();
    await stream.next();
    await app.trigger.push('roles');
    await until(() => seen.length === 2);
    expect(seen).toEqual([undefined, undefined]);
  });

  it('comes to nothing for a client that leaves while it is asked (C1)', async () => {
    const reached = deferred();
    const answer = deferred<boolean>();
    await using app = await streamApp(
      (trigger) => ({
        '/': streamSse(trigger, {
          subject: () => 1,
          authorize: () => {
            reached.resolve();
            return answer.promise;
          },
          authorizeKey: () => 'roles',
          key: () => 'a',
          data: () => 1,
        }),
        '/other': streamSse(trigger, { key: 'b', data: () => 'free' }),
      }),
      { maxRuns: 1 },
    );
    const client = await connectRaw(app.served.port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await reached.promise;
    await client[Symbol.asyncDispose]();
    await using other = await app.open('/other');
    await until(() => app.trigger.stats().keys === 1);
    answer.resolve(true);
    expect(await other.next()).toMatchObject({ data: 'free' });
    expect(app.trigger.stats()).toMatchObject({ streams: 1, keys: 1, refused: newCounters().refused });
    expect(app.errors).toEqual([]);
  });

  it('leaves nothing behind where no more streams are let in', async () => {
    const { app } = await orders();
    await using _ = app;
    await app.trigger.drain(0);
    const later = await app.open('/orders/1', as('alice'));
    expect(later.opening.comment).toBe('later');
    expect(await later.rest()).toEqual([]);
    expect(app.trigger.stats()).toMatchObject(idle);
  });
});

describe('viewer', () => {
  it.each([undefined, null, false, ''])('that is %j answers 401', async (nobody) => {
    await using app = await streamApp((trigger) =>
      streamSse(trigger, {
        subject: () => 'order 1',
        viewer: async () => nobody as string,
        key: () => 'a',
        data: () => 1,
      }),
    );
    await request(app.served.server).get('/').expect(401);
    expect(app.trigger.stats()).toMatchObject({ ...idle, refused: { nobody: 1 } });
  });

  it('that throws has the client come back later, and is told of', async () => {
    await using app = await streamApp((trigger) =>
      streamSse(trigger, {
        subject: () => 'order 1',
        viewer: () => {
          throw new Error('the session store is away');
        },
        key: () => 'a',
        data: () => 1,
      }),
    );
    expect((await app.open()).opening.comment).toBe('later');
    expect(app.errors).toMatchObject([{ code: 'viewer_failed', route: '/' }]);
  });

  it('that has no plain equality is a mistake', async () => {
    await using app = await streamApp((trigger) =>
      streamSse(trigger, { subject: () => 1, viewer: () => new Date(), key: () => 'a', data: () => 1 }),
    );
    await expect(app.open()).rejects.toThrow('answered 500');
  });

  it('counts for maxPerViewer, whatever the subject', async () => {
    const { app } = await orders(2);
    await using _ = app;
    const first = await app.open('/orders/1', as('alice'));
    const streams = [
      await app.open('/orders/2', as('alice')),
      await app.open('/orders/1', as('bob')),
      await app.open('/orders/1', as('alice')),
    ];
    const last = (await first.rest()).at(-1);
    expect(last?.retry).toBeGreaterThanOrEqual(30_000);
    for (const stream of streams) {
      expect((await stream.next()).data).toMatch(/in state 0/);
      await stream[Symbol.asyncDispose]();
    }
  });
});

describe('authorizeKey', () => {
  it('that throws has the client come back later, and one that is no key is a mistake', async () => {
    const make = (authorizeKey: () => string) => (trigger: SseTrigger) =>
      streamSse(trigger, {
        subject: () => 1,
        authorize: () => true,
        authorizeKey,
        key: () => 'a',
        data: () => 1,
      });
    await using failing = await streamApp(
      make(() => {
        throw new Error('away');
      }),
    );
    expect((await failing.open()).opening.comment).toBe('later');
    expect(failing.errors).toMatchObject([{ code: 'key_failed' }]);
    await using wrong = await streamApp(make(() => 7 as unknown as string));
    await expect(wrong.open()).rejects.toThrow('answered 500');
    expect(wrong.trigger.stats()).toMatchObject(idle);
  });
});

describe('expiresAt', () => {
  const expiring = (toTime: () => Date | number | null | undefined) =>
    streamApp((trigger) =>
      streamSse(trigger, { subject: () => 1, expiresAt: toTime, key: () => 'a', data: () => 'shown' }),
    );

  it.each([
    ['a Date', () => new Date(Date.now() + 300)],
    ['milliseconds', () => Date.now() + 300],
  ])('that gives %s ends the stream then', async (_, toTime) => {
    await using app = await expiring(toTime);
    const began = performance.now();
    const stream = await app.open();
    expect(await stream.next()).toMatchObject({ data: 'shown' });
    expect(await stream.rest()).toEqual([{ retry: expect.any(Number) }]);
    expect(performance.now() - began).toBeGreaterThanOrEqual(290);
    expect(app.trigger.stats()).toMatchObject({ ...idle, asks: 1 });
  });

  it.each([null, undefined, Number.POSITIVE_INFINITY])('that gives %s is never', async (time) => {
    await using app = await expiring(() => time);
    await using stream = await app.open();
    expect(await stream.next()).toMatchObject({ data: 'shown' });
  });

  it('that has passed answers 403', async () => {
    await using app = await expiring(() => Date.now() - 1);
    await request(app.served.server).get('/').expect(403);
  });

  it.each([
    ['a text', '2030-01-01'],
    ['no time', new Date(Number.NaN)],
    ['NaN', Number.NaN],
  ])('that gives %s is no answer', async (_, time) => {
    await using app = await expiring(() => time as Date);
    await using stream = await app.open();
    expect(stream.opening.comment).toBe('open');
    expect(app.errors).toMatchObject([{ code: 'authorize_failed', cause: expect.any(TypeError) }]);
  });

  it('is asked together with authorize', async () => {
    let isAllowed = true;
    await using app = await streamApp((trigger) =>
      streamSse(trigger, {
        subject: () => 'order',
        viewer: () => 'alice',
        authorize: () => isAllowed,
        authorizeKey: (order, user) => `${order}:${user}`,
        expiresAt: (order, user) => (order === 'order' && user === 'alice' ? Date.now() + 60_000 : 0),
        key: () => 'a',
        data: () => 'shown',
      }),
    );
    const stream = await app.open();
    expect(await stream.next()).toMatchObject({ data: 'shown' });
    isAllowed = false;
    await app.trigger.push('order:alice');
    expect(await stream.rest()).toEqual([{ retry: expect.any(Number) }]);
  });
});

describe('a session (P4)', () => {
  it('whose id is the viewer ends its streams in every process when it ends, and no other', async () => {
    const sessions = new MemoryStore();
    const isAlive = (id: string) =>
      new Promise<boolean>((resolve, reject) =>
        sessions.get(id, (error, found) => (error ? reject(error) : resolve(found != null))),
      );
    // Two processes, as far as the package can tell; the store is one for both.
    const versions = new Map<string, string>();
    let state = 'new';
    const start = async () => {
      const trigger = new SseTrigger({
        store: {
          read: async (keys) =>
            keys.map((key) => {
              const token = versions.get(key);
              return token === undefined ? undefined : { token, identity: '' };
            }),
          write: async (written) => {
            for (const [key, token] of written) versions.set(key, token);
          },
          add: async (added) => {
            for (const [key, token] of added) if (!versions.has(key)) versions.set(key, token);
          },
        },
        poll: 100,
      });
      const app = express()
        .use(session({ secret: 's', resave: false, saveUninitialized: false, store: sessions }))
        .post('/login', (req, res) => {
          Object.assign(req.session, { user: 7 });
          res.end();
        })
        .post('/logout', (req, res) => {
          const { sessionID } = req;
          req.session.destroy(async () => {
            await trigger.push(`session:${sessionID}`);
            res.end();
          });
        })
        .get(
          '/stream',
          streamSse(trigger, {
            subject: (req: Request) => Reflect.get(req.session, 'user') as number | undefined,
            viewer: (req: Request) => req.sessionID,
            authorize: (_, id) => isAlive(id),
            authorizeKey: (_, id) => `session:${id}`,
            key: (user) => `user:${user}`,
            data: (user) => `${user} is ${state}`,
          }),
        );
      return { trigger, served: await serve(app) };
    };
    const [here, there] = [await start(), await start()];
    const signIn = async () => {
      const { headers } = await request(here.served.server).post('/login').expect(200);
      return { cookie: String(headers['set-cookie']).split(';', 1)[0] ?? '' };
    };
    const [screen, phone] = [await signIn(), await signIn()];
    const open = (headers: { cookie: string }) => openStream(there.served.url, '/stream', { headers });
    const stream = await open(screen);
    await using other = await open(phone);
    await Promise.all([stream.next(), other.next()]);

    await request(here.served.server).post('/logout').set('Cookie', screen.cookie).expect(200);
    expect(await stream.rest()).toEqual([{ retry: expect.any(Number) }]);
    expect((await head(`${there.served.url}/stream`, screen)).statusCode).toBe(401);
    state = 'changed';
    await here.trigger.push('user:7');
    expect(await other.next()).toMatchObject({ data: '7 is changed' });
    expect(there.trigger.stats().streams).toBe(1);
    await other[Symbol.asyncDispose]();
    for (const { trigger, served } of [here, there]) {
      await served[Symbol.asyncDispose]();
      await trigger.close();
    }
  });
});
