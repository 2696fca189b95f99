import { once } from 'node:events';
import { RedisStore as RedisSessionStore } from 'connect-redis';
import express, { type Request } from 'express';
import session, { MemoryStore, type SessionOptions, type Store } from 'express-session';
import { Redis } from 'ioredis';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SseTrigger, type SseTriggerError, type StreamOptions, streamSse } from '../src/index.ts';
import { deferred } from './support/deferred.ts';
import { type RedisServer, startRedis } from './support/redis-server.ts';
import { head, serve } from './support/serve.ts';
import { openStream } from './support/stream-client.ts';
import { until } from './support/until.ts';

declare module 'express-session' {
  interface SessionData {
    ownerId: number;
    theme: string;
  }
}

/** A real store, and what is in it. */
interface Sessions extends AsyncDisposable {
  readonly store: Store;
  content(): Promise<unknown>;
}

function inMemory(): Sessions {
  const store = new MemoryStore();
  return {
    store,
    content: () =>
      new Promise((resolve, reject) =>
        store.all((error, sessions) => (error ? reject(error) : resolve(structuredClone(sessions)))),
      ),
    async [Symbol.asyncDispose]() {},
  };
}

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

function inRedis(): Sessions {
  const client = new Redis(redis.port);
  return {
    store: new RedisSessionStore({ client }),
    // Each with when it expires, since a touch is a change, too.
    async content() {
      const keys = (await client.keys('*')).sort();
      return Promise.all(
        keys.map(async (key) => [key, await client.get(key), await client.pexpiretime(key)]),
      );
    },
    async [Symbol.asyncDispose]() {
      await client.flushall();
      client.disconnect();
    },
  };
}

const stores = { MemoryStore: inMemory, 'connect-redis': inRedis };

/** Gives what is done to the store from now on. */
function watch(store: Store): string[] {
  const calls: string[] = [];
  for (const method of ['set', 'destroy', 'touch'] as const) {
    const original = store[method]?.bind(store) as ((...args: unknown[]) => void) | undefined;
    if (original === undefined) continue;
    Object.assign(store, {
      [method](...args: unknown[]) {
        calls.push(method);
        return original(...args);
      },
    });
  }
  return calls;
}

/** An application with sessions, a stream of its own user and one for all, and a user who is signed in. */
async function signedIn(
  settings: Partial<SessionOptions>,
  options: Partial<StreamOptions<number>> = {},
  beforeStream: (req: Request) => void = () => {},
  sessions: Sessions = inMemory(),
) {
  const { store } = sessions;
  const calls = watch(store);
  const errors: SseTriggerError[] = [];
  const trigger = new SseTrigger({ onError: (error) => errors.push(error) });
  const key = vi.fn((userId: number) => `user:${userId}`);
  const app = express()
    .use(session({ secret: 's', resave: false, saveUninitialized: false, store, ...settings }))
    .post('/login', (req, res) => {
      req.session.ownerId = 7;
      res.end();
    })
    .post('/logout', (req, res) => {
      req.session.destroy(() => res.end());
    })
    .post('/change', (req, res) => {
      req.session.theme = 'dark';
      res.end();
    })
    .post('/regenerate', (req, res) => {
      req.session.regenerate(() => {
        req.session.ownerId = 8;
        res.end();
      });
    })
    .use('/stream', (req, _res, next) => {
      beforeStream(req);
      next();
    })
    .get(
      '/stream',
      streamSse(trigger, {
        subject: (req: Request) => req.session.ownerId,
        key,
        data: (userId: number) => `of ${userId}`,
        ...(options as object),
      }),
    )
    .get('/public', streamSse(trigger, { key: 'a', data: () => 1 }));
  const served = await serve(app);
  const signIn = async () => {
    const { headers } = await request(served.server).post('/login').expect(200);
    return String(headers['set-cookie']).split(';', 1)[0] ?? '';
  };
  const [cookie, phone] = [await signIn(), await signIn()];
  return {
    store,
    calls,
    content: sessions.content,
    trigger,
    errors,
    key,
    served,
    post: (path: string) => request(served.server).post(path).set('Cookie', cookie).expect(200),
    open: () => openStream(served.url, '/stream', { headers: { cookie } }),
    /** Opens the stream in another session of the same user. */
    openOnPhone: () => openStream(served.url, '/stream', { headers: { cookie: phone } }),
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]();
      await trigger.close();
      await sessions[Symbol.asyncDispose]();
    },
  };
}

type SignedIn = Awaited<ReturnType<typeof signedIn>>;
type Stream = Awaited<ReturnType<SignedIn['open']>>;

const settings: Partial<SessionOptions>[] = [
  { resave: true },
  { resave: true, rolling: true, saveUninitialized: true },
  { rolling: true },
  { saveUninitialized: true },
  { resave: true, unset: 'destroy' },
];
const kinds = Object.keys(stores) as (keyof typeof stores)[];
const settingsByKind = kinds.flatMap((kind) => settings.map((setting) => ({ kind, setting })));

/** How a stream ends, and what tells that it has. */
const ends: Record<string, (app: SignedIn, stream: Stream) => Promise<unknown>> = {
  'the client leaves': async ({ trigger }, stream) => {
    await stream[Symbol.asyncDispose]();
    await until(() => trigger.stats().streams === 0);
  },
  // The session middleware holds back the end of an answer until its store has answered.
  'the server drains': async ({ trigger }, stream) => {
    await trigger.drain(0);
    await stream.rest();
  },
  'its lifetime is over': (_, stream) => stream.rest(),
  'a newer one takes its place': async ({ openOnPhone }, stream) => {
    await using _ = await openOnPhone();
    await stream.rest();
  },
};

/** Ends the stream, and expects the store to be left as it is. */
async function expectUntouched(app: SignedIn, stream: Stream, end: string): Promise<void> {
  const left = await app.content();
  app.calls.length = 0;
  await ends[end]!(app, stream);
  // Nothing is left that could still be written.
  await new Promise(setImmediate);
  expect(await app.content()).toEqual(left);
  expect(app.calls).toEqual([]);
}

describe.each(settingsByKind)(
  'P1: a stream of a session in $kind with $setting leaves the store alone',
  ({ kind, setting }) => {
    it.each(
      ['/logout', '/change', '/regenerate'].flatMap((change) =>
        Object.keys(ends).map((end) => [change, end]),
      ),
    )('after %s, when %s', async (change, end) => {
      const lifetime = end === 'its lifetime is over' ? 200 : undefined;
      await using app = await signedIn(setting, { lifetime, maxPerViewer: 1 }, undefined, stores[kind]());
      const stream = await app.open();
      expect(await stream.next()).toMatchObject({ data: 'of 7' });
      await app.post(change);
      await expectUntouched(app, stream, end);
    });
  },
);

/** Who says no when the application is asked for a stream, by what it is answered with. */
const refusals: Record<string, (no: () => Promise<false>) => Partial<StreamOptions<number>>> = {
  '401': (no) => ({ subject: () => no() }),
  '403': (no) => ({ authorize: () => no() }),
};

describe.each(settingsByKind)(
  'P1: a stream that is refused leaves a session in $kind with $setting alone',
  ({ kind, setting }) => {
    it.each(
      ['/logout', '/change', '/regenerate'].flatMap((change) =>
        Object.keys(refusals).map((status) => [change, status]),
      ),
    )('after %s, when it is answered %s', async (change, status) => {
      const asked = deferred();
      const answer = deferred<false>();
      const no = () => {
        asked.resolve();
        return answer.promise;
      };
      await using app = await signedIn(setting, refusals[status]!(no), undefined, stores[kind]());
      const refused = expect(app.open()).rejects.toThrow(status);
      await asked.promise;
      await app.post(change);
      const left = await app.content();
      app.calls.length = 0;
      answer.resolve(false);
      await refused;
      expect(await app.content()).toEqual(left);
      expect(app.calls).toEqual([]);
    });
  },
);

it('ends a session when a stream is refused, if a middleware wants that', async () => {
  const end = (req: Request) => Object.assign(req, { session: null });
  const options = { subject: () => undefined };
  await using app = await signedIn({ unset: 'destroy' }, options, end);
  await expect(app.open()).rejects.toThrow('401');
  expect(app.calls.filter((call) => call === 'destroy')).toHaveLength(1);
});

describe.each(kinds)('P2: a stream of a session in %s', (kind) => {
  it.each(Object.keys(ends))('does not save what a middleware changed before it, when %s', async (end) => {
    const lifetime = end === 'its lifetime is over' ? 200 : undefined;
    const change = (req: Request) => {
      req.session.theme = 'stale';
    };
    const options = { lifetime, maxPerViewer: 1 };
    await using app = await signedIn({ resave: true }, options, change, stores[kind]());
    const stream = await app.open();
    await stream.next();
    await app.post('/logout');
    await expectUntouched(app, stream, end);
  });
});

it('writes no session for a visitor of a public stream', async () => {
  await using app = await signedIn({ resave: true, saveUninitialized: true });
  app.calls.length = 0;
  const stream = await openStream(app.served.url, '/public');
  await app.trigger.drain(0);
  await stream.rest();
  expect(app.calls).toEqual([]);
});

it('answers 401 to who is not signed in', async () => {
  await using app = await signedIn({});
  await request(app.served.server).get('/stream').expect(401);
});

it('does not touch the session when it has the client come back later', async () => {
  await using app = await signedIn({ resave: true });
  await app.trigger.drain(0);
  app.calls.length = 0;
  const later = await app.open();
  expect(later.opening.comment).toBe('later');
  expect(await later.rest()).toEqual([]);
  expect(app.calls).toEqual([]);
});

it('P3: has the client come back while the session store is down, and never watches a key of nobody', async () => {
  await using app = await signedIn({});
  app.store.emit('disconnect');
  const later = await app.open();
  expect(later.opening.comment).toBe('later');
  expect(later.opening.retry).toBeGreaterThanOrEqual(30_000);
  expect(await later.rest()).toEqual([]);
  expect(app.errors).toMatchObject([
    { code: 'subject_failed', route: '/stream', cause: expect.any(TypeError) },
  ]);
  expect(app.key).not.toHaveBeenCalled();
  expect(app.trigger.stats()).toMatchObject({ streams: 0, keys: 0 });

  app.store.emit('connect');
  await using stream = await app.open();
  expect(await stream.next()).toMatchObject({ data: 'of 7' });
});

it('P3: asks nothing and opens nothing while connect-redis has the session middleware answer by itself', async () => {
  await using own = await startRedis();
  const client = new Redis(own.port, { enableOfflineQueue: false, maxRetriesPerRequest: 0 });
  client.on('error', () => {});
  await once(client, 'ready');
  const sessions: Sessions = {
    store: new RedisSessionStore({ client }),
    content: async () => undefined,
    [Symbol.asyncDispose]: async () => client.disconnect(),
  };
  await using app = await signedIn({}, {}, undefined, sessions);
  await own.kill();
  await expect(app.open()).rejects.toThrow('500');
  expect(app.key).not.toHaveBeenCalled();
  expect(app.trigger.stats()).toMatchObject({ streams: 0, keys: 0 });

  // The once of node:events would reject upon an attempt to connect that comes before the server does.
  const ready = new Promise((resolve) => client.once('ready', resolve));
  await own.start();
  await ready;
  await expect(app.open()).rejects.toThrow('401'); // nothing was saved
});

it('sends the cookie of a rolling session with its head', async () => {
  await using app = await signedIn({ rolling: true, resave: false });
  const login = await request(app.served.server).post('/login').expect(200);
  const response = await head(`${app.served.url}/stream`, { cookie: String(login.headers['set-cookie']) });
  expect(String(response.headers['set-cookie'])).toMatch(/^connect\.sid=/);
  const closed = once(response, 'close');
  response.destroy();
  await closed;
});
