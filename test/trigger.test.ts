import { afterEach, describe, expect, it, vi } from 'vitest';
import { SseTrigger, type SseTriggerOptions, streamSse } from '../src/index.ts';
import { RecordingStore } from './support/recording-store.ts';
import { streamApp } from './support/stream-app.ts';

describe('push', () => {
  it('is true when the store has a new version, which was never there before', async () => {
    const store = new RecordingStore();
    await using trigger = new SseTrigger({ store });
    const versions = new Set<string | undefined>();
    for (let push = 0; push < 100; push += 1) {
      expect(await trigger.push('a')).toBe(true);
      versions.add(store.versions.get('a'));
    }
    expect(versions.size).toBe(100);
    for (const version of versions) expect(version).toMatch(/^\d{16}-[0-9a-f]{16}$/);
  });

  it('is one write for all keys of a tick', async () => {
    const store = new RecordingStore();
    await using trigger = new SseTrigger({ store });
    expect(await Promise.all([trigger.push('a'), trigger.push(['b', 'a']), trigger.push('c')])).toEqual([
      true,
      true,
      true,
    ]);
    expect(store.writes).toEqual([['a', 'b', 'c']]);
  });

  it('of no key is true and writes nothing', async () => {
    const store = new RecordingStore();
    await using trigger = new SseTrigger({ store });
    expect(await trigger.push([])).toBe(true);
    expect(store.writes).toEqual([]);
  });

  it('is false while the store fails, told of once a push, and made up for', async () => {
    const store = new RecordingStore();
    const onError = vi.fn();
    const trigger = new SseTrigger({ store, onError });
    store.failure = new Error('down');
    expect(await trigger.push('a')).toBe(false);
    expect(onError.mock.calls).toMatchObject([
      [{ name: 'SseTriggerError', code: 'write_failed', key: 'a', cause: store.failure }],
    ]);
    expect(trigger.stats().unsent).toBe(1);
    store.failure = undefined;
    await trigger.close();
    expect(store.writes).toEqual([['a']]);
  });

  it.each([
    ['undefined', undefined],
    ['a number', 7],
    ['nothing', ''],
    ['513 bytes', 'a'.repeat(513)],
    ['a control character', 'a\0'],
    ['a list with one bad key', ['a', null]],
    ['a list with a hole', Object.assign([], { 1: 'a' })],
  ])('throws for %s, and pushes nothing', async (_, key) => {
    const store = new RecordingStore();
    await using trigger = new SseTrigger({ store });
    expect(() => trigger.push(key as string)).toThrow(TypeError);
    await trigger.push('good');
    expect(store.writes).toEqual([['good']]);
  });
});

describe('drain', () => {
  const openTicker = (trigger: SseTrigger) => streamSse(trigger, { key: 'a', data: () => 'a' });

  it('ends all streams over the time given, each with a retry of its own', async () => {
    await using app = await streamApp(openTicker);
    const streams = await Promise.all(Array.from({ length: 10 }, () => app.open()));
    await Promise.all(streams.map((stream) => stream.next()));
    const began = performance.now();
    await app.trigger.drain(100);
    // The last one of ten has a place in the last tenth.
    expect(performance.now() - began).toBeGreaterThanOrEqual(90);
    expect(app.trigger.stats()).toMatchObject({ streams: 0, keys: 0 });
    const retries = new Set<number>();
    for (const stream of streams) {
      const blocks = await stream.rest();
      expect(blocks).toEqual([{ retry: expect.any(Number) }]);
      retries.add(blocks[0]?.retry ?? Number.NaN);
    }
    for (const retry of retries) {
      expect(retry).toBeGreaterThanOrEqual(200);
      expect(retry).toBeLessThanOrEqual(1000);
    }
    expect(retries.size).toBeGreaterThan(1);
  });

  it('has new streams come back later, during and after it', async () => {
    await using app = await streamApp(openTicker);
    await using stream = await app.open();
    await stream.next();
    const drained = app.trigger.drain(200);
    for (const time of ['during', 'after']) {
      if (time === 'after') await drained;
      await using late = await app.open();
      expect(late.opening.comment).toBe('later');
      // Not long: the process that takes its place may be up already.
      expect(late.opening.retry).toBeGreaterThanOrEqual(2000);
      expect(late.opening.retry).toBeLessThanOrEqual(5000);
      expect(await late.rest()).toEqual([]);
    }
    expect(app.trigger.stats()).toMatchObject({ streams: 0, refused: { draining: 2 } });
    expect(app.errors).toEqual([]);
  });

  it('ends when the last stream left by itself', async () => {
    await using app = await streamApp(openTicker);
    const stream = await app.open();
    const drained = app.trigger.drain(600_000);
    await stream[Symbol.asyncDispose]();
    await drained;
  });

  it('can be hurried by another one', async () => {
    await using app = await streamApp(openTicker);
    await using stream = await app.open();
    const slow = app.trigger.drain(600_000);
    await Promise.all([slow, app.trigger.drain(0)]);
    expect((await stream.rest()).at(-1)).toEqual({ retry: expect.any(Number) });
  });

  it('of nothing ends at once, and lets pushes go on', async () => {
    const store = new RecordingStore();
    await using trigger = new SseTrigger({ store });
    await trigger.drain(600_000);
    expect(await trigger.push('a')).toBe(true);
    expect(store.writes).toEqual([['a']]);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '10', undefined])('is misuse with %s', async (ms) => {
    await using trigger = new SseTrigger();
    await expect(trigger.drain(ms as number)).rejects.toThrow(
      'drain must be a number of milliseconds from 0',
    );
  });
});

describe('close', () => {
  it('ends streams, closes the store once, and makes pushes false', async () => {
    const store = new RecordingStore();
    await using app = await streamApp((trigger) => streamSse(trigger, { key: 'a', data: () => 'a' }), {
      store,
    });
    await using stream = await app.open();
    await stream.next();
    await Promise.all([app.trigger.close(), app.trigger.close()]);
    await app.trigger[Symbol.asyncDispose]();
    expect(store.closed).toBe(1);
    expect((await stream.rest()).at(-1)).toEqual({ retry: expect.any(Number) });
    expect(await app.trigger.push('a')).toBe(false);
    expect(store.writes).toEqual([]);
    expect(app.errors).toEqual([]);
  });

  it('writes pushes that are on their way', async () => {
    const store = new RecordingStore();
    const trigger = new SseTrigger({ store });
    const first = trigger.push('a');
    await Promise.resolve();
    const second = trigger.push('b');
    await trigger.close();
    expect(await Promise.all([first, second])).toEqual([true, true]);
    expect(store.writes.flat()).toEqual(['a', 'b']);
  });

  it('comes with `await using`', async () => {
    const store = new RecordingStore();
    {
      await using trigger = new SseTrigger({ store });
      void trigger.push('a');
    }
    expect(store.writes).toEqual([['a']]);
    expect(store.closed).toBe(1);
  });

  it('gives a store that hangs no more than its time', async () => {
    const signals: AbortSignal[] = [];
    const store = new RecordingStore();
    store.write = (_, signal?: AbortSignal) => {
      if (signal !== undefined) signals.push(signal);
      return new Promise(() => {});
    };
    const trigger = new SseTrigger({ store, storeTimeout: 20, onError: () => {} });
    const push = trigger.push('a');
    await trigger.close();
    expect(await push).toBe(false);
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
  });
});

describe('a trigger without a store', () => {
  afterEach(() => void vi.unstubAllEnvs());

  it.each([
    ['production', 1],
    ['development', 0],
    ['', 0],
  ])('warns that it serves one process only: NODE_ENV %j, %i times', async (environment, times) => {
    vi.stubEnv('NODE_ENV', environment);
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    await using _without = new SseTrigger();
    await using _with = new SseTrigger({ store: new RecordingStore() });
    const warnings = warn.mock.calls.filter(([message]) => String(message).includes('one process only'));
    warn.mockRestore();
    expect(warnings).toHaveLength(times);
  });
});

describe('onError', () => {
  it('is a process warning by default', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const store = new RecordingStore();
    store.failure = new Error('down');
    await using trigger = new SseTrigger({ store });
    await trigger.push('a');
    const warning = { type: 'SseTriggerError', code: 'write_failed', detail: 'down' };
    expect(warn).toHaveBeenCalledWith('the store did not take a push in time', warning);
    warn.mockRestore();
    store.failure = undefined;
  });

  it('may reject, which is a warning and nothing else', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const store = new RecordingStore();
    store.failure = new Error('down');
    const thrown = new Error('the log service is down');
    await using trigger = new SseTrigger({ store, onError: () => Promise.reject(thrown) });
    expect(await trigger.push('a')).toBe(false);
    expect(warn).toHaveBeenCalledWith(expect.objectContaining({ cause: thrown }));
    warn.mockRestore();
    store.failure = undefined;
  });

  it('may throw, which is a warning and nothing else', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const store = new RecordingStore();
    store.failure = new Error('down');
    const thrown = new Error('in onError');
    const onError = () => {
      throw thrown;
    };
    await using trigger = new SseTrigger({ store, onError });
    expect(await trigger.push('a')).toBe(false);
    expect(warn).toHaveBeenCalledWith(expect.objectContaining({ cause: thrown }));
    warn.mockRestore();
    store.failure = undefined;
  });
});

it.each([
  [{ pol: 1 }, 'SseTrigger has no option "pol"; it has store, poll,'],
  [{ poll: 0 }, 'poll must be a number of milliseconds from 1 to 2147483647, got 0'],
  [{ poll: '2s' }, 'poll must be a number of milliseconds'],
  [{ poll: 2 ** 31 }, 'poll must be'],
  [{ storeTimeout: Number.NaN }, 'storeTimeout must be a number of milliseconds'],
  [{ maxRuns: 0 }, 'maxRuns must be a whole number of 1 or more, or Infinity, got 0'],
  [{ maxRuns: 1.5 }, 'maxRuns must be'],
  [{ maxStreams: -1 }, 'maxStreams must be'],
  [{ maxUnsent: -1 }, 'maxUnsent must be a whole number of 0 or more'],
  [{ onError: 'log' }, 'onError must be a function'],
  [{ store: {} }, 'store.read must be a function: wrap a Keyv in a KeyvStore'],
  [{ store: new Map() }, 'store.read must be a function'],
])('refuses %j', (options, message) => {
  const make = () => new SseTrigger(options as SseTriggerOptions);
  expect(make).toThrow(TypeError);
  expect(make).toThrow(message);
});

it('takes undefined for an option that is not given', async () => {
  await using trigger = new SseTrigger({
    store: undefined,
    poll: undefined,
    storeTimeout: undefined,
    maxRuns: undefined,
    maxStreams: undefined,
    maxUnsent: undefined,
    onError: undefined,
  });
  expect(await trigger.push('a')).toBe(true);
  expect(trigger.stats()).toMatchObject({ streams: 0, keys: 0, runs: 0, unsent: 0, storeDown: false });
});
