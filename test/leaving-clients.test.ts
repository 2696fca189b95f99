import { once } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { streamSse } from '../src/index.ts';
import { newCounters } from '../src/stats.ts';
import { type Deferred, deferred } from './support/deferred.ts';
import { connectRaw } from './support/raw-client.ts';
import { streamApp } from './support/stream-app.ts';
import { until } from './support/until.ts';

const idle = { streams: 0, keys: 0 };
const closedOnce = { closed: { ...newCounters().closed, client: 1 } };

describe('a client that leaves (C1)', () => {
  /** A stream that waits in each phase until the test goes on. */
  async function phases() {
    const reached = { subject: deferred(), key: deferred(), data: deferred<AbortSignal>() };
    const goOn: Record<'subject' | 'key' | 'data', Deferred<void>> = {
      subject: deferred(),
      key: deferred(),
      data: deferred(),
    };
    const app = await streamApp((trigger) =>
      streamSse(trigger, {
        subject: async () => {
          reached.subject.resolve();
          await goOn.subject.promise;
          return 7;
        },
        key: async () => {
          reached.key.resolve();
          await goOn.key.promise;
          return 'a';
        },
        data: async (_, { signal }) => {
          reached.data.resolve(signal);
          await goOn.data.promise;
          return 'late';
        },
      }),
    );
    const closed = new Promise<void>((resolve) => {
      app.served.server.once('connection', (socket) => socket.once('close', () => resolve()));
    });
    const client = await connectRaw(app.served.port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    return { app, client, closed, reached, goOn };
  }

  it('while its subject is asked for does not hide that this failed', async () => {
    const { app, client, closed, reached, goOn } = await phases();
    await using _ = app;
    await reached.subject.promise;
    await client[Symbol.asyncDispose]();
    await closed;
    goOn.subject.reject(new Error('the session store is away'));
    await until(() => app.errors.length > 0);
    expect(app.errors.map(({ code }) => code)).toEqual(['subject_failed']);
  });

  it('while its subject is asked for opens nothing', async () => {
    const { app, client, closed, reached, goOn } = await phases();
    await using _ = app;
    await reached.subject.promise;
    await client[Symbol.asyncDispose]();
    await closed;
    const key = vi.fn();
    void reached.key.promise.then(key);
    goOn.subject.resolve();
    await new Promise(setImmediate);
    expect(key).not.toHaveBeenCalled();
    expect(app.trigger.stats()).toMatchObject({ ...idle, checks: 0, refused: newCounters().refused });
  });

  it('while its key is asked for opens nothing', async () => {
    const { app, client, closed, reached, goOn } = await phases();
    await using _ = app;
    goOn.subject.resolve();
    await reached.key.promise;
    await client[Symbol.asyncDispose]();
    await closed;
    goOn.key.resolve();
    await new Promise(setImmediate);
    expect(app.trigger.stats()).toMatchObject({ ...idle, checks: 0, refused: newCounters().refused });
  });

  it('during its first run aborts it, and what that gives later is dropped', async () => {
    const { app, client, reached, goOn } = await phases();
    await using _ = app;
    goOn.subject.resolve();
    goOn.key.resolve();
    const signal = await reached.data.promise;
    const aborted = once(signal, 'abort');
    await client[Symbol.asyncDispose]();
    await aborted;
    goOn.data.resolve();
    await new Promise(setImmediate);
    expect(app.trigger.stats()).toMatchObject({ ...idle, ...closedOnce, runs: 1, failures: 0, frames: 0 });
    expect(app.errors).toEqual([]);
  });

  it('between two looks leaves nothing behind', async () => {
    const { app, client, reached, goOn } = await phases();
    await using _ = app;
    for (const phase of [goOn.subject, goOn.key, goOn.data]) phase.resolve();
    await client.until('data: late');
    const signal = await reached.data.promise;
    await client[Symbol.asyncDispose]();
    await until(() => app.trigger.stats().streams === 0);
    expect(signal.aborted).toBe(false);
    expect(app.trigger.stats()).toMatchObject({ ...idle, ...closedOnce });
  });

  it('while its permission is asked for again leaves nothing behind, and no answer brings it back', async () => {
    const reached = deferred();
    const answer = deferred<boolean>();
    let calls = 0;
    await using app = await streamApp((trigger) =>
      streamSse(trigger, {
        subject: () => 1,
        authorize: () => {
          calls += 1;
          if (calls === 1) return true;
          reached.resolve();
          return answer.promise;
        },
        authorizeKey: () => 'roles',
        key: () => 'a',
        data: () => 'shown',
      }),
    );
    const client = await connectRaw(app.served.port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until('data: shown');
    void app.trigger.push(['roles', 'a']);
    await reached.promise;
    await client[Symbol.asyncDispose]();
    await until(() => app.trigger.stats().streams === 0);
    answer.resolve(true);
    await new Promise(setImmediate);
    expect(app.trigger.stats()).toMatchObject({ ...idle, ...closedOnce, runs: 1, frames: 1 });
    expect(app.errors).toEqual([]);
  });

  it('does not abort the run of another one with the same subject', async () => {
    const { app, client, reached, goOn } = await phases();
    await using _ = app;
    goOn.subject.resolve();
    goOn.key.resolve();
    const signal = await reached.data.promise;
    await using other = await app.open();
    await client[Symbol.asyncDispose]();
    await until(() => app.trigger.stats().streams === 1);
    expect(signal.aborted).toBe(false);
    goOn.data.resolve();
    expect(await other.next()).toMatchObject({ data: 'late' });
    expect(app.trigger.stats().runs).toBe(1);
  });
});
