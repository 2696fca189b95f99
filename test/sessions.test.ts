import { once } from 'node:events';
import express, { type Request } from 'express';
import session, { MemoryStore, type SessionData, type SessionOptions } from 'express-session';
import request from 'supertest';
import { describe, expect, it, vi } from 'vitest';
import { SseTrigger, type SseTriggerError, type StreamOptions, streamSse } from '../src/index.ts';
import { head, serve } from './support/serve.ts';
import { openStream } from './support/stream-client.ts';
import { until } from './support/until.ts';

declare module 'express-session' {
  interface SessionData {
    ownerId: number;
    theme: string;
  }
}

/** A real store that says what is done to it. */
class WatchedStore extends MemoryStore {
  readonly calls: string[] = [];

  override set(sid: string, data: SessionData, callback?: (error?: unknown) => void): void {
    this.calls.push('set');
    super.set(sid, data, callback);
  }

  override destroy(sid: string, callback?: (error?: unknown) => void): void {
    this.calls.push('destroy');
    super.destroy(sid, callback);
  }

  override touch(sid: string, data: SessionData, callback?: () => void): void {
    this.calls.push('touch');
    super.touch(sid, data, callback);
  }

  content(): Promise<unknown> {
    return new Promise((resolve, reject) =>
      this.all((error, sessions) => (error ? reject(error) : resolve(structuredClone(sessions)))),
    );
  }
}

/** An application with sessions, a stream of its own user and one for all, and a user who is signed in. */
async function signedIn(
  settings: Partial<SessionOptions>,
  options: Partial<StreamOptions<number>> = {},
  beforeStream: (req: Request) => void = () => {},
) {
  const store = new WatchedStore();
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
    },
  };
}

type SignedIn = Awaited<ReturnType<typeof signedIn>>;
type Stream = Awaited<ReturnType<SignedIn['open']>>;

const settings: Partial<SessionOptions>[] = [
  { resave: true },
  { resave: true, rolling: true, saveUninitialized: true },
  { rolling: true },
  { resave: true, unset: 'destroy' },
];

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
  const left = await app.store.content();
  app.store.calls.length = 0;
  await ends[end]!(app, stream);
  // Nothing is left that could still be written.
  await new Promise(setImmediate);
  expect(await app.store.content()).toEqual(left);
  expect(app.store.calls).toEqual([]);
}

describe.each(settings)('a stream of a session with %j leaves the store alone', (setting) => {
  it.each(
    ['/logout', '/change', '/regenerate'].flatMap((change) => Object.keys(ends).map((end) => [change, end])),
  )('after %s, when %s', async (change, end) => {
    const lifetime = end === 'its lifetime is over' ? 200 : undefined;
    await using app = await signedIn(setting, { lifetime, maxPerViewer: 1 });
    const stream = await app.open();
    expect(await stream.next()).toMatchObject({ data: 'of 7' });
    await app.post(change);
    await expectUntouched(app, stream, end);
  });
});

it.each(Object.keys(ends))('does not save what a middleware changed before it, when %s', async (end) => {
  const lifetime = end === 'its lifetime is over' ? 200 : undefined;
  await using app = await signedIn({ resave: true }, { lifetime, maxPerViewer: 1 }, (req) => {
    req.session.theme = 'stale';
  });
  const stream = await app.open();
  await stream.next();
  await app.post('/logout');
  await expectUntouched(app, stream, end);
});

it('writes no session for a visitor of a public stream', async () => {
  await using app = await signedIn({ resave: true, saveUninitialized: true });
  app.store.calls.length = 0;
  const stream = await openStream(app.served.url, '/public');
  await app.trigger.drain(0);
  await stream.rest();
  expect(app.store.calls).toEqual([]);
});

it('answers 401 to who is not signed in', async () => {
  await using app = await signedIn({});
  await request(app.served.server).get('/stream').expect(401);
});

it('does not touch the session when it has the client come back later', async () => {
  await using app = await signedIn({ resave: true });
  await app.trigger.drain(0);
  app.store.calls.length = 0;
  const later = await app.open();
  expect(later.opening.comment).toBe('later');
  expect(await later.rest()).toEqual([]);
  expect(app.store.calls).toEqual([]);
});

it('has the client come back while the session store is down, and never watches a key of nobody', async () => {
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

it('sends the cookie of a rolling session with its head', async () => {
  await using app = await signedIn({ rolling: true, resave: false });
  const login = await request(app.served.server).post('/login').expect(200);
  const response = await head(`${app.served.url}/stream`, { cookie: String(login.headers['set-cookie']) });
  expect(String(response.headers['set-cookie'])).toMatch(/^connect\.sid=/);
  const closed = once(response, 'close');
  response.destroy();
  await closed;
});
