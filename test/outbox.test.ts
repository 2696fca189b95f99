import { describe, expect, it } from 'vitest';
import { EVERYTHING } from '../src/shared-key.ts';
import type { Store } from '../src/store.ts';
import { Stage } from './support/stage.ts';

/** Notes what is written; the test says when, and how, each write ends. */
function manualStore() {
  const writes: { keys: string[]; tokens: string[]; end(error?: Error): void }[] = [];
  const store: Store = {
    read: async (keys) => keys.map(() => ({ token: 'always', identity: '' })),
    add: async () => {},
    write: (tokens) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error) => (error === undefined ? resolve() : reject(error));
        writes.push({ keys: [...tokens.keys()], tokens: [...tokens.values()], end });
      }),
  };
  return { store, writes };
}

describe('pushes', () => {
  it('of one tick are one write, a key once, with a token of its own for each key (S9)', async () => {
    const { store, writes } = manualStore();
    const { engine, clock } = new Stage({ store });
    const pushes = [engine.push(['a']), engine.push(['a']), engine.push(['b', 'a'])];
    await clock.advance(0);
    expect(writes.map(({ keys }) => keys)).toEqual([['a', 'b']]);
    expect(new Set(writes[0]!.tokens).size).toBe(2);
    writes[0]!.end();
    expect(await Promise.all(pushes)).toEqual([true, true, true]);
  });

  it('that come while one is written share the next write', async () => {
    const { store, writes } = manualStore();
    const { engine, clock } = new Stage({ store });
    const first = engine.push(['a']);
    await clock.advance(0);
    const later = [engine.push(['a']), engine.push(['b'])];
    await clock.advance(100);
    expect(writes).toHaveLength(1);
    writes[0]!.end();
    await clock.advance(0);
    expect(await first).toBe(true);
    expect(writes.map(({ keys }) => keys)).toEqual([['a'], ['a', 'b']]);
    writes[1]!.end();
    expect(await Promise.all(later)).toEqual([true, true]);
  });

  it('give false after storeTimeout, and never reject', async () => {
    const { store } = manualStore();
    const { engine, clock, errors } = new Stage({ store });
    const answers: boolean[] = [];
    void engine.push(['a']).then((stored) => answers.push(stored));
    await clock.advance(500);
    void engine.push(['b']).then((stored) => answers.push(stored));
    await clock.advance(499);
    expect(answers).toEqual([]);
    await clock.advance(1);
    expect(answers).toEqual([false]);
    await clock.advance(500);
    expect(answers).toEqual([false, false]);
    expect(errors.map(({ code, key }) => [code, key])).toEqual([
      ['write_failed', 'a'],
      ['write_failed', 'b'],
    ]);
  });

  it('that the store refused are kept, and written as soon as it answers', async () => {
    const stage = new Stage();
    stage.server.state = 'refusing';
    expect(await Promise.all([stage.push('a', 'b'), stage.push('a')])).toEqual([false, false]);
    expect(stage.engine.stats().unsent).toBe(2);
    await stage.clock.advance(10_000);
    stage.server.state = 'up';
    await stage.clock.advance(2000);
    expect(stage.engine.stats().unsent).toBe(0);
    expect(stage.server.get('a')).toBeDefined();
    expect(stage.server.get('b')).toBeDefined();
    expect(stage.errors.map(({ code }) => code)).toEqual(['write_failed']);
  });

  it('that wait where nothing is watched say that the store is down, of which no read tells', async () => {
    const stage = new Stage();
    stage.server.state = 'refusing';
    const viewer = stage.open({});
    await stage.push('key');
    await stage.clock.advance(3000);
    expect(stage.engine.stats()).toMatchObject({ keys: 1, unsent: 1, storeDown: true });
    viewer.leave();
    expect(stage.engine.stats()).toMatchObject({ keys: 0, unsent: 1, storeDown: true });
    stage.server.state = 'up';
    await stage.clock.advance(2000);
    expect(stage.engine.stats()).toMatchObject({ unsent: 0, storeDown: false });
    stage.server.state = 'refusing';
    expect(stage.engine.stats().storeDown).toBe(false);
    await stage.push('key');
    expect(stage.engine.stats().storeDown).toBe(true);
  });

  it('of 100,000 on 50,000 keys during an outage are false within the deadline, and all written after it (S12)', async () => {
    const stage = new Stage();
    stage.server.state = 'refusing';
    const pushes = Array.from({ length: 100_000 }, (_, index) => stage.engine.push([`key${index % 50_000}`]));
    await stage.clock.advance(1000);
    expect(new Set(await Promise.all(pushes))).toEqual(new Set([false]));
    expect(stage.engine.stats().unsent).toBe(50_000);
    // Only where versions are counted: what was there before each write does not matter here.
    let written = 0;
    stage.server.nodeOf('a').set = () => {
      written += 1;
    };
    stage.server.state = 'up';
    await stage.clock.advance(2000);
    expect(stage.engine.stats().unsent).toBe(0);
    expect(written).toBe(50_000);
  });

  it('are not kept beyond maxUnsent, which is told, and then everything is pushed in their place', async () => {
    const stage = new Stage({ maxUnsent: 2 });
    stage.server.state = 'refusing';
    await stage.push('a', 'b', 'c');
    await stage.push('a');
    expect(stage.engine.stats().unsent).toBe(3);
    stage.server.state = 'up';
    await stage.clock.advance(2000);
    expect(stage.engine.stats().unsent).toBe(0);
    expect(stage.server.get('c')).toBe(undefined);
    expect(stage.server.get(EVERYTHING)).toBeDefined();
    expect(stage.errors.map(({ code }) => code)).toEqual(['write_failed', 'unsent_full', 'write_failed']);
  });

  it('that another push of the same key has made up for are not written again', async () => {
    const { store, writes } = manualStore();
    const { engine, clock } = new Stage({ store });
    void engine.push(['a']);
    await clock.advance(0);
    const second = engine.push(['a']);
    writes[0]!.end(new Error('refused'));
    await clock.advance(0);
    writes[1]!.end();
    expect(await second).toBe(true);
    await clock.advance(60_000);
    expect(writes).toHaveLength(2);
    expect(engine.stats().unsent).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('whose answer was lost make streams look, and the next version that is read counts as a change', async () => {
    const stage = new Stage();
    const viewer = stage.open();
    await stage.clock.advance(1000);
    const write = stage.store.write.bind(stage.store);
    stage.store.write = async (tokens, signal) => {
      await write(tokens, signal);
      throw new Error('the answer was lost');
    };
    stage.server.subscribers.clear();
    expect(await stage.push('key')).toBe(false);
    await stage.clock.advance(100);
    expect(viewer.shown).toEqual([1, 2]);
    expect(viewer.ids).toHaveLength(1);
    stage.store.write = write;
    await stage.clock.advance(5000);
    expect(viewer.shown.length).toBeGreaterThan(2);
    expect(viewer.ids.length).toBeGreaterThan(1);
  });
});

describe('keys that the store refused', () => {
  it('are written although pushes never cease', async () => {
    const stage = new Stage();
    const write = stage.store.write.bind(stage.store);
    stage.store.write = async (tokens, signal) => {
      await new Promise<void>((resolve) => stage.clock.after(5, resolve));
      await write(tokens, signal);
    };
    stage.server.state = 'refusing';
    await Promise.all([stage.engine.push(['kept']), stage.clock.advance(100)]);
    stage.server.state = 'up';
    for (let push = 0; push < 1000; push += 1) {
      void stage.engine.push(['busy']);
      await stage.clock.advance(3);
    }
    expect(stage.engine.stats().unsent).toBe(0);
  });

  /** One key is kept, and a push of another one is being written. */
  async function writingBesideKept() {
    const { store, writes } = manualStore();
    const { engine, clock } = new Stage({ store });
    void engine.push(['kept']);
    await clock.advance(0);
    writes[0]!.end(new Error('refused'));
    await clock.advance(100);
    void engine.push(['taken']);
    await clock.advance(0);
    return { engine, clock, writes };
  }

  it('keep no push waiting for longer than its deadline', async () => {
    const { engine, clock, writes } = await writingBesideKept();
    await clock.advance(500);
    const settled: [stored: boolean, at: number][] = [];
    const pushed = clock.now();
    void engine.push(['waiting']).then((stored) => settled.push([stored, clock.now() - pushed]));
    await clock.advance(400);
    writes[1]!.end();
    // What was kept goes first, and is not answered; then there is no time left for an answer to the push.
    await clock.advance(2000);
    expect(writes.map(({ keys }) => keys).slice(0, 4)).toEqual([['kept'], ['taken'], ['kept'], ['waiting']]);
    expect(settled).toEqual([[false, 1000]]);
  });

  it('leave half of the time to a push that waits meanwhile', async () => {
    const { engine, clock, writes } = await writingBesideKept();
    const stored = engine.push(['waiting']);
    writes[1]!.end();
    await clock.advance(500);
    expect(writes.map(({ keys }) => keys)).toEqual([['kept'], ['taken'], ['kept'], ['waiting']]);
    writes[3]!.end();
    expect(await stored).toBe(true);
  });

  it('are written in portions, between which pushes have their turn', async () => {
    const { store, writes } = manualStore();
    const { engine, clock } = new Stage({ store });
    void engine.push(Array.from({ length: 5000 }, (_, index) => `key${index}`));
    await clock.advance(0);
    writes[0]!.end(new Error('refused'));
    await clock.advance(2000);
    void engine.push(['new']);
    for (let write = 1; write <= 6; write += 1) {
      writes[write]!.end();
      await clock.advance(0);
    }
    expect(writes.slice(1).map(({ keys }) => keys.length)).toEqual([1000, 1, 1000, 1000, 1000, 1000]);
    expect(engine.stats().unsent).toBe(0);
  });

  it('are not tried again with every stream that opens', async () => {
    const stage = new Stage();
    let writes = 0;
    stage.store.write = async () => {
      writes += 1;
      throw new Error('OOM');
    };
    await stage.push('key');
    for (let stream = 0; stream < 100; stream += 1) {
      stage.open({ subject: stream });
      await stage.clock.advance(10);
    }
    expect(writes).toBe(1);
    await stage.clock.advance(10_000);
    expect(writes).toBeLessThanOrEqual(7);
  });

  it('have no position, since the old one would stand for what is new', async () => {
    const stage = new Stage();
    const viewer = stage.open();
    await stage.clock.advance(1000);
    const write = stage.store.write.bind(stage.store);
    stage.store.write = () => Promise.reject(new Error('READONLY'));
    await stage.push('key');
    await stage.clock.advance(5000);
    expect(viewer.shown.length).toBeGreaterThan(1);
    expect(viewer.ids).toHaveLength(1);
    const back = stage.open({ lastEventId: viewer.ids[0] });
    await stage.clock.advance(1000);
    expect(back.shown).toHaveLength(1);
    stage.store.write = write;
    await stage.clock.advance(5000);
    expect(new Set([...viewer.ids.slice(1), ...back.ids]).size).toBe(1);
  });

  it('are looked at once for each push, also for one by who was told false', async () => {
    const stage = new Stage();
    let state = 0;
    const viewer = stage.open({ data: () => state, throttle: 0 });
    await stage.clock.advance(2300);
    const hang = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    stage.store.write = (_tokens, signal) => hang(signal);
    stage.store.read = (_keys, signal) => hang(signal);
    void stage.engine.push(['key']).then(() => {
      state = 2;
      void stage.engine.push(['key']);
    });
    await stage.clock.advance(500);
    // This one waits for the write of the first, and the second push of the key joins it.
    void stage.engine.push(['other']);
    await stage.clock.advance(60_000);
    expect(viewer.shown.at(-1)).toBe(2);
  });

  it('are looked at once each, when several were pushed one after the other', async () => {
    const stage = new Stage();
    const runs: string[] = [];
    for (const key of ['a', 'b', 'c']) stage.open({ keys: [key], subject: key, data: () => runs.push(key) });
    await stage.clock.advance(1000);
    stage.store.write = stage.store.read = (_: unknown, signal: AbortSignal) =>
      new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    await stage.clock.advance(5000);
    runs.length = 0;
    for (const key of ['a', 'b', 'c']) {
      void stage.engine.push([key]);
      await stage.clock.advance(10);
    }
    await stage.clock.advance(20_000);
    expect(runs).toEqual(['a', 'b', 'c']);
  });

  it('are looked at again for a second push that is lost before any read has failed', async () => {
    const stage = new Stage();
    let state = 0;
    const viewer = stage.open({ data: () => state, throttle: 0 });
    await stage.clock.advance(2300);
    stage.server.state = 'refusing';
    for (state of [1, 2]) {
      await stage.push('key');
      await stage.clock.advance(10);
    }
    expect(stage.engine.stats().storeDown).toBe(false);
    await stage.clock.advance(10_000);
    expect(viewer.shown).toEqual([0, 1, 2]);
  });

  it('for good neither keep others from being written nor have them written again and again', async () => {
    const stage = new Stage();
    const viewer = stage.open({ keys: ['good'] });
    await stage.clock.advance(1000);
    // As Redis does: it takes what it may, and refuses the rest.
    stage.store.write = async (tokens) => {
      for (const [key, token] of tokens) if (key !== 'forbidden') stage.server.set(key, token);
      if (tokens.has('forbidden')) throw new Error('NOPERM');
    };
    await stage.push('good', 'forbidden');
    await stage.clock.advance(60_000);
    expect(stage.engine.stats()).toMatchObject({ unsent: 1, storeDown: false });
    expect(viewer.shown.length).toBeLessThanOrEqual(8);
  });
});

describe('close', () => {
  it('writes what the store did not take, with one more deadline at most', async () => {
    const { store, writes } = manualStore();
    const { engine, clock } = new Stage({ store });
    void engine.push(['a']);
    await clock.advance(0);
    writes[0]!.end(new Error('refused'));
    await clock.advance(0);
    const last = engine.push(['b']);
    const closed = engine.close();
    await clock.advance(0);
    expect(writes[1]!.keys).toEqual(['b']);
    writes[1]!.end();
    await clock.advance(0);
    expect(writes[2]!.keys).toEqual(['a']);
    await clock.advance(1000);
    await closed;
    expect(await last).toBe(true);
    expect(await engine.push(['c'])).toBe(false);
    expect(writes).toHaveLength(3);
  });

  it('writes all that can be written, in portions, also past a key that is refused', async () => {
    const stage = new Stage();
    stage.server.state = 'refusing';
    await stage.push('forbidden', ...Array.from({ length: 2500 }, (_, index) => `key${index}`));
    stage.server.state = 'up';
    stage.store.write = async (tokens) => {
      for (const [key, token] of tokens) if (key !== 'forbidden') stage.server.set(key, token);
      if (tokens.has('forbidden')) throw new Error('NOPERM');
    };
    const closed = stage.engine.close();
    await stage.clock.advance(1000);
    await closed;
    const written = Array.from({ length: 2500 }, (_, index) => stage.server.get(`key${index}`));
    expect(written).not.toContain(undefined);
  });

  it('gives all portions together no more than one deadline', async () => {
    const stage = new Stage();
    stage.server.state = 'refusing';
    await stage.push(...Array.from({ length: 5000 }, (_, index) => `key${index}`));
    stage.store.write = (_tokens, signal) =>
      new Promise((resolve, reject) => {
        stage.clock.after(600, resolve);
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    let closedAt = Number.NaN;
    void stage.engine.close().then(() => {
      closedAt = stage.clock.now();
    });
    await stage.clock.advance(20_000);
    expect(closedAt).toBe(1000);
  });

  it('pushes at once what was to be pushed again later', async () => {
    const { store, writes } = manualStore();
    const { engine, clock } = new Stage({ store });
    engine.pushAgain(['a']);
    const closed = engine.close();
    await clock.advance(0);
    expect(writes.map(({ keys }) => keys)).toEqual([['a']]);
    writes[0]!.end();
    await clock.advance(0);
    await closed;
    expect(clock.pending).toBe(0);
  });
});
