import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { type Store, Unanswered } from '../src/store.ts';
import { Stage, type Viewer } from './support/stage.ts';

/** Keeps versions in a Map, notes what is read, and can be made to never answer. */
function notingStore() {
  const versions = new Map<string, string>();
  const reads: (readonly string[])[] = [];
  let isSilent = false;
  const answer = async <T>(value: T): Promise<T> => (isSilent ? new Promise<T>(() => {}) : value);
  const store: Store = {
    read(keys) {
      reads.push(keys);
      const token = (key: string) => versions.get(key);
      return answer(
        keys.map((key) => (token(key) === undefined ? undefined : { token: token(key)!, identity: '' })),
      );
    },
    write(tokens) {
      for (const [key, token] of tokens) versions.set(key, token);
      return answer(undefined);
    },
    add(tokens) {
      for (const [key, token] of tokens) if (!versions.has(key)) versions.set(key, token);
      return answer(undefined);
    },
  };
  return {
    store,
    reads,
    silence(state: boolean) {
      isSilent = state;
    },
  };
}

describe('polling', () => {
  it('reads all watched keys together, once a poll, however many look', async () => {
    const { store, reads } = notingStore();
    const stage = new Stage({ store });
    for (let viewer = 0; viewer < 200; viewer += 1)
      stage.open({ keys: [`key${viewer % 20}`], subject: viewer % 20 });
    await stage.clock.advance(100);
    // The first read is for the first viewer, the second one for all who came meanwhile, and twice each for the seeds.
    expect(reads.length).toBeLessThanOrEqual(4);

    reads.length = 0;
    await stage.clock.advance(20_000);
    expect(reads.length).toBeGreaterThanOrEqual(9);
    expect(reads.length).toBeLessThanOrEqual(11);
    for (const keys of reads) expect(keys).toHaveLength(20);
  });

  it('keeps a period of 0.9 to 1.1 poll, a little different each time', async () => {
    const { store } = notingStore();
    const at: number[] = [];
    const stage = new Stage({
      store: {
        ...store,
        read(keys, signal) {
          at.push(stage.clock.now());
          return store.read(keys, signal);
        },
      },
    });
    stage.open();
    await stage.clock.advance(10);
    at.length = 0;
    await stage.clock.advance(60_000);
    const periods = at.slice(1).map((time, index) => time - at[index]!);
    expect(Math.min(...periods)).toBeGreaterThanOrEqual(1800);
    expect(Math.max(...periods)).toBeLessThanOrEqual(2200);
    expect(new Set(periods).size).toBeGreaterThan(10);
  });

  it('shares reads among a crowd that comes one by one', async () => {
    const { store, reads } = notingStore();
    const stage = new Stage({ store });
    stage.open({ keys: ['first'], subject: 'first' });
    await stage.clock.advance(100);
    reads.length = 0;
    for (let viewer = 0; viewer < 100; viewer += 1) {
      stage.open({ keys: [`key${viewer}`], subject: viewer });
      await stage.clock.advance(1);
    }
    await stage.clock.advance(10);
    expect(stage.runs).toBe(101);
    // One every 10 ms, and each once more for the seeds.
    expect(reads.length).toBeLessThanOrEqual(22);

    stage.open({ keys: ['first'], subject: 'second' });
    await stage.clock.advance(1);
    const timers = stage.clock.pending;
    for (let viewer = 200; viewer < 250; viewer += 1) stage.open({ keys: ['first'], subject: viewer });
    expect(stage.clock.pending - timers).toBeLessThanOrEqual(1);
  });

  it('is not kept from reading by a timer that comes too early', async () => {
    const stage = new Stage();
    stage.open({ subject: 'first' });
    await stage.clock.advance(0);
    const after = stage.clock.after.bind(stage.clock);
    vi.spyOn(stage.clock, 'after').mockImplementation((delay, run) => after(delay / 2, run));
    const second = stage.open({ subject: 'second' });
    await stage.clock.advance(20);
    expect(second.shown).toHaveLength(1);
  });

  it('reads many keys in even parts over the period, each key once', async () => {
    const { store, reads } = notingStore();
    const at: number[] = [];
    const stage = new Stage({
      pollAtOnce: 10,
      store: {
        ...store,
        read(keys, signal) {
          at.push(stage.clock.now());
          return store.read(keys, signal);
        },
      },
    });
    for (let viewer = 0; viewer < 40; viewer += 1) stage.open({ keys: [`key${viewer}`], subject: viewer });
    await stage.clock.advance(10_000);
    reads.length = at.length = 0;
    await stage.clock.advance(20_000);

    expect(reads.length).toBeGreaterThanOrEqual(36);
    expect(reads.length).toBeLessThanOrEqual(44);
    for (let part = 0; part + 4 <= reads.length; part += 1) {
      expect(reads[part]).toHaveLength(10);
      expect(new Set(reads.slice(part, part + 4).flat()).size).toBe(40);
    }
    const steps = at.slice(1).map((time, index) => time - at[index]!);
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(450);
    expect(Math.max(...steps)).toBeLessThanOrEqual(550);
  });

  it('lets no key wait longer than 1.1 poll, however many others come and go', async () => {
    const keys = fc.nat({ max: 19 }).map((number) => `key${number}`);
    const step = fc.record({
      ms: fc.nat({ max: 1500 }),
      come: fc.array(keys, { maxLength: 20 }),
      go: fc.array(keys, { maxLength: 20 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const { store } = notingStore();
        const viewers = new Map<string, Viewer>();
        const last = new Map<string, number>();
        const waits: number[] = [];
        const seen = (key: string) => {
          if (!viewers.has(key)) return;
          const since = last.get(key);
          if (since !== undefined) waits.push(stage.clock.now() - since);
          last.set(key, stage.clock.now());
        };
        const stage = new Stage({
          pollAtOnce: 3,
          store: {
            ...store,
            read(keys, signal) {
              for (const key of keys) seen(key);
              return store.read(keys, signal);
            },
          },
        });
        for (const { ms, come, go } of steps) {
          for (const key of come)
            if (!viewers.has(key)) viewers.set(key, stage.open({ keys: [key], subject: key }));
          for (const key of go) {
            viewers.get(key)?.leave();
            viewers.delete(key);
            last.delete(key);
          }
          await stage.clock.advance(ms);
        }
        await stage.clock.advance(5000);
        for (const key of viewers.keys()) seen(key);
        expect(Math.max(0, ...waits)).toBeLessThanOrEqual(2200);
      }),
    );
  });

  it('is no later than the guarantee allows where reads are slow and streams keep coming', async () => {
    const { store } = notingStore();
    const began = new Map<string, number>();
    const waits: number[] = [];
    const stage = new Stage({
      pollAtOnce: 10,
      store: {
        ...store,
        async read(keys, signal) {
          const since = keys.map((key) => began.get(key) ?? stage.clock.now());
          for (const key of keys) began.set(key, stage.clock.now());
          await new Promise<void>((resolve) => stage.clock.after(990, resolve));
          for (const time of since) waits.push(stage.clock.now() - time);
          return store.read(keys, signal);
        },
      },
    });
    for (let viewer = 0; viewer < 200; viewer += 1) {
      stage.open({ keys: [`key${viewer % 100}`], subject: viewer });
      await stage.clock.advance(200);
    }
    // 1.1 poll and twice storeTimeout.
    expect(Math.max(...waits)).toBeLessThanOrEqual(4200);
  });

  it('reads all keys at once while the store is down, so that everybody knows with its first answer', async () => {
    const { store, reads, silence } = notingStore();
    const stage = new Stage({ store, pollAtOnce: 1 });
    for (const key of ['a', 'b', 'c']) stage.open({ keys: [key], subject: key });
    await stage.clock.advance(3000);
    silence(true);
    await stage.clock.advance(10_000);
    expect(reads.at(-1)).toHaveLength(3);
  });

  it('takes what some keys are answered with while others get no answer, and waits for those', async () => {
    const { store } = notingStore();
    let isAnswered = true;
    const stage = new Stage({
      store: {
        ...store,
        async read(keys, signal) {
          const readings = await store.read(keys, signal);
          return readings.map((reading, index) =>
            isAnswered || keys[index] !== 'b' ? reading : new Unanswered('a server is gone'),
          );
        },
      },
    });
    const [a, b] = ['a', 'b'].map((key) => stage.open({ keys: [key], subject: key }));
    await stage.clock.advance(3000);
    expect(stage.runs).toBe(2);

    isAnswered = false;
    await stage.clock.advance(10_000);
    expect(stage.runs).toBe(2);
    expect(stage.engine.stats().storeDown).toBe(true);
    const elsewhere = new Map(['a', 'b'].map((key) => [key, `${key} from elsewhere`]));
    await store.write(elsewhere, new AbortController().signal);
    await stage.clock.advance(2200);
    expect([a!.shown.length, b!.shown.length]).toEqual([2, 1]);
    const known = stage.open({ keys: ['a'], subject: 'a', lastEventId: a!.ids.at(-1) });
    const waits = stage.open({ keys: ['b'], subject: 'b', lastEventId: b!.ids.at(-1) });
    await stage.clock.advance(2200);
    expect(stage.engine.stats().resumed).toBe(1);
    expect([known.shown, waits.shown]).toEqual([[], []]);
    expect(stage.errors.map(({ code }) => code)).toEqual(['read_failed']);

    isAnswered = true;
    await stage.clock.advance(2200);
    expect(stage.engine.stats().storeDown).toBe(false);
    expect([a, b, known, waits].map((viewer) => viewer!.shown.length)).toEqual([2, 2, 0, 1]);
    expect(stage.errors).toHaveLength(1);
  });

  it('seeds what is missing at the servers that answer while another one does not', async () => {
    const { store } = notingStore();
    const stage = new Stage({
      store: {
        ...store,
        async read(keys, signal) {
          const readings = await store.read(keys, signal);
          return readings.map((reading, index) =>
            keys[index] === 'b' ? new Unanswered('a server is gone') : reading,
          );
        },
      },
    });
    stage.open({ keys: ['a', 'b'] });
    await stage.clock.advance(3000);
    const { signal } = new AbortController();
    const [seeded, unanswered] = await store.read(['a', 'b'], signal);
    expect(seeded).toMatchObject({ token: expect.any(String) });
    expect(unanswered).toBeUndefined();
    expect(stage.engine.stats().storeDown).toBe(true);
  });

  it('stops with the last viewer, and leaves no timer', async () => {
    const { store, reads } = notingStore();
    const stage = new Stage({ store });
    const viewers = [stage.open(), stage.open({ keys: ['other'] })];
    await stage.clock.advance(5000);
    for (const viewer of viewers) viewer.leave();
    reads.length = 0;
    await stage.clock.advance(60_000);
    expect(reads).toEqual([]);
    expect(stage.clock.pending).toBe(0);
  });

  it('sees what another program wrote within 1.1 poll', async () => {
    const stage = new Stage();
    const viewer = stage.open();
    for (let change = 2; change < 10; change += 1) {
      await stage.clock.advance(3777);
      stage.writeElsewhere();
      await stage.clock.advance(2200);
      expect(viewer.shown.at(-1)).toBe(change);
    }
  });

  it('has one read outstanding at most while the store hangs, and goes on when it answers again (S3)', async () => {
    const { store, reads, silence } = notingStore();
    const stage = new Stage({ store });
    const viewer = stage.open();
    await stage.clock.advance(1000);
    silence(true);
    reads.length = 0;
    await stage.clock.advance(30_000);
    // A poll every 2 s, each given up after 1 s.
    expect(reads.length).toBeGreaterThanOrEqual(13);
    expect(reads.length).toBeLessThanOrEqual(17);
    expect(stage.engine.stats().storeDown).toBe(true);
    expect(stage.errors.map(({ code }) => code)).toEqual(['read_failed']);

    silence(false);
    await stage.clock.advance(2200);
    expect(stage.engine.stats().storeDown).toBe(false);
    await stage.push('key');
    expect(viewer.shown).toEqual([1, 2]);
  });
});

describe('an outage of the store', () => {
  it('runs nothing, ends nothing, and is told once (S2)', async () => {
    const stage = new Stage();
    const viewer = stage.open();
    await stage.clock.advance(1000);
    stage.server.state = 'refusing';
    await stage.clock.advance(60_000);
    stage.server.state = 'up';
    await stage.clock.advance(60_000);
    expect(stage.runs).toBe(1);
    expect(viewer.ended).toBeUndefined();
    expect(viewer.heartbeats.length).toBeGreaterThan(6);
    expect(stage.errors.map(({ code }) => code)).toEqual(['read_failed']);
  });

  it('gives its first data to who comes with nothing, and lets wait who shows something (S1)', async () => {
    const stage = new Stage();
    const first = stage.open({ subject: 'a' });
    await stage.clock.advance(0);
    first.leave();
    stage.server.state = 'refusing';
    const back = stage.open({ subject: 'a', lastEventId: first.ids.at(-1) });
    const fresh = stage.open({ subject: 'b' });
    const second = stage.open({ subject: 'b' });
    await stage.clock.advance(10_000);
    expect(back.shown).toEqual([]);
    expect(fresh.shown).toEqual([2]);
    expect(second.shown).toEqual([2]);
    expect(fresh.ids).toEqual([]);

    stage.server.state = 'up';
    await stage.clock.advance(2200);
    expect(back.shown).toEqual([]);
    expect(stage.engine.stats().resumed).toBe(1);
  });

  it('does not keep a push of this process from its streams, which look at once', async () => {
    const { store, silence } = notingStore();
    const stage = new Stage({ store });
    const viewer = stage.open();
    await stage.clock.advance(1000);
    silence(true);
    await stage.clock.advance(5000);
    const stored = stage.engine.push(['key']);
    await stage.clock.advance(0);
    expect(viewer.shown).toEqual([1, 2]);
    expect(viewer.ids).toHaveLength(1);

    await stage.clock.advance(1000);
    expect(await stored).toBe(false);
    await stage.clock.advance(20_000);
    expect(stage.runs).toBe(2);
  });
});

describe('a stream that waits for the store to answer', () => {
  it('sees a push of this process at once, whichever of its keys was pushed', async () => {
    const { store, silence } = notingStore();
    const stage = new Stage({ store });
    const keys = ['a', 'b'];
    const sibling = stage.open({ keys });
    await stage.clock.advance(1000);
    silence(true);
    await stage.clock.advance(5000);
    const waiting = stage.open({ keys, lastEventId: sibling.ids.at(-1) });
    await stage.clock.advance(5000);
    expect(waiting.shown).toEqual([]);
    void stage.engine.push(['a']);
    await stage.clock.advance(0);
    expect(sibling.shown).toEqual([1, 2]);
    expect(waiting.shown).toEqual([2]);
    // And whoever comes later with something from before is not shown anything older.
    const later = stage.open({ keys, lastEventId: 'AAAAAAAAAAA' });
    await stage.clock.advance(20_000);
    expect(later.shown).toEqual([2]);
    expect(stage.runs).toBe(2);
  });

  it('and came with nothing is not left with a frame from before a wake that nobody else was there to hear', async () => {
    const { store, silence } = notingStore();
    let wake = (_key: string, _token: string) => {};
    const subscribe: Store['subscribe'] = (onWake) => {
      wake = onWake;
      return () => {};
    };
    const stage = new Stage({ store: { ...store, subscribe } });
    const keys = ['a', 'b'];
    const first = stage.open({ keys });
    await stage.clock.advance(1000);
    silence(true);
    const second = stage.open({ keys });
    await stage.clock.advance(500);
    first.leave();
    void store.write(new Map([['a', 'elsewhere']]), AbortSignal.timeout(1000));
    wake('a', 'elsewhere');
    // The read of the second one comes to nothing, and when the store answers again there is nothing new in it.
    await stage.clock.advance(1000);
    silence(false);
    await stage.clock.advance(10_000);
    expect(second.shown.at(-1)).toBe(2);
  });

  it('is let go when its client leaves, however often that happens', async () => {
    const stage = new Stage();
    stage.server.state = 'refusing';
    for (let visit = 0; visit < 50; visit += 1) {
      const viewer = stage.open({ lastEventId: 'AAAAAAAAAAA' });
      await stage.clock.advance(0);
      viewer.leave();
    }
    await stage.clock.advance(0);
    expect(stage.engine.stats()).toMatchObject({ streams: 0, keys: 0 });
    expect(stage.clock.pending).toBe(0);
  });
});

describe('a store that keeps its contract badly', () => {
  it('spoils the key it gives nonsense for, and no other', async () => {
    const { store } = notingStore();
    const stage = new Stage({
      store: {
        ...store,
        async read(keys, signal) {
          const readings = await store.read(keys, signal);
          return readings.map((reading, index) => (keys[index] === 'bad' ? (null as never) : reading));
        },
      },
    });
    stage.open({ keys: ['bad'], subject: 'bad' });
    const viewer = stage.open({ keys: ['good'] });
    await stage.clock.advance(1000);
    await store.write(new Map([['good', 'elsewhere']]), AbortSignal.timeout(1000));
    await stage.clock.advance(2200);
    expect(viewer.shown).toHaveLength(2);
    expect(stage.errors.map(({ code, key }) => [code, key])).toEqual([['key_unreadable', 'bad']]);
  });

  it('loses its wakes when it cannot subscribe, and nothing else', async () => {
    const { store } = notingStore();
    const subscribe = () => {
      throw new Error('no pub/sub here');
    };
    const stage = new Stage({ store: { ...store, subscribe } });
    const viewer = stage.open();
    await stage.clock.advance(0);
    expect(viewer.shown).toEqual([1]);
    expect(stage.errors.map(({ code }) => code)).toEqual(['wake_failed']);
  });
});

describe('an outage of the store that is over', () => {
  it('is forgotten with the last stream', async () => {
    const stage = new Stage();
    const first = stage.open();
    await stage.clock.advance(100);
    stage.server.state = 'refusing';
    await stage.clock.advance(5000);
    first.leave();
    stage.server.state = 'up';
    const back = stage.open();
    await stage.clock.advance(0);
    expect(back.ids).toHaveLength(1);
  });

  it('was not made worse by the crowd that came during it', async () => {
    const { store, reads } = notingStore();
    const refusing: Store = {
      ...store,
      async read(keys, signal) {
        await store.read(keys, signal);
        throw new Error('refused');
      },
    };
    const stage = new Stage({ store: refusing });
    stage.open();
    await stage.clock.advance(2300);
    reads.length = 0;
    for (let stream = 0; stream < 100; stream += 1) {
      stage.open({ subject: stream });
      await stage.clock.advance(10);
    }
    expect(reads.length).toBeLessThanOrEqual(1);
  });

  it('and of the database as well leaves its pauses to the callback', async () => {
    const stage = new Stage();
    stage.server.state = 'refusing';
    const data = () => {
      stage.runs += 1;
      throw new Error('away');
    };
    for (let stream = 0; stream < 50; stream += 1) {
      stage.open({ data });
      await stage.clock.advance(200);
    }
    expect(stage.runs).toBeLessThan(8);
  });
});

describe('a data set that was lost', () => {
  it('costs one look a feed, and the next push is seen (S4)', async () => {
    const stage = new Stage();
    const viewer = stage.open();
    await stage.clock.advance(1000);
    stage.server.flush();
    await stage.clock.advance(10_000);
    expect(viewer.shown).toEqual([1, 2]);
    await stage.push('key');
    expect(viewer.shown).toEqual([1, 2, 3]);
  });

  it('and another one in its place has all feeds looked at, spread over 5 s (S5)', async () => {
    const stage = new Stage();
    const at: number[] = [];
    for (let feed = 0; feed < 100; feed += 1) {
      stage.open({ keys: [`key${feed}`], subject: feed, data: () => at.push(stage.clock.now()) });
    }
    await stage.clock.advance(1000);
    at.length = 0;
    stage.server.restartEmpty();
    await stage.clock.advance(10_000);
    expect(at).toHaveLength(100);
    expect(Math.max(...at) - Math.min(...at)).toBeGreaterThan(4000);
    expect(Math.max(...at) - Math.min(...at)).toBeLessThan(5000);
  });

  it('does not let an id from before stand, for who was away meanwhile (S5)', async () => {
    const stage = new Stage();
    const first = stage.open();
    await stage.clock.advance(0);
    stage.writeElsewhere();
    await stage.clock.advance(3000);
    first.leave();
    stage.server.rollBack(2900);
    const back = stage.open({ lastEventId: first.ids[0] });
    await stage.clock.advance(0);
    expect(back.shown).toEqual([3]);
  });
});

describe('a key that cannot be read', () => {
  it('does not make a client wait that comes back', async () => {
    const stage = new Stage();
    stage.server.nodeOf('key').add = () => {};
    stage.open();
    await stage.clock.advance(10_000);
    const back = stage.open({ lastEventId: 'AAAAAAAAAAA' });
    await stage.clock.advance(1000);
    expect(back.shown).toHaveLength(1);
  });

  it('any more has no position that stands, and has one when it can be read again', async () => {
    const stage = new Stage();
    const viewer = stage.open();
    await stage.clock.advance(1000);
    const read = stage.store.read;
    stage.store.read = async (keys) => keys.map(() => new Error('not for you'));
    await stage.clock.advance(3000);
    const back = stage.open({ lastEventId: viewer.ids[0] });
    await stage.clock.advance(100);
    expect(back.shown).toHaveLength(1);
    stage.store.read = read;
    await stage.clock.advance(3000);
    const again = stage.open({ lastEventId: viewer.ids[0] });
    await stage.clock.advance(0);
    expect(again.shown).toEqual([]);
  });

  it('is not seeded after the deadline by a store that heeds no signal', async () => {
    const { store } = notingStore();
    let adds = 0;
    const stage = new Stage({
      store: {
        ...store,
        async read(keys, signal) {
          await new Promise<void>((resolve) => stage.clock.after(1500, resolve));
          return store.read(keys, signal);
        },
        async add() {
          adds += 1;
        },
      },
    });
    stage.open();
    await stage.clock.advance(1800);
    expect(adds).toBe(0);
  });
});

describe('a key that is neither there nor to be written', () => {
  it('is told once and causes no loop of runs (S13)', async () => {
    const stage = new Stage();
    stage.server.nodeOf('key').add = () => {};
    const viewer = stage.open();
    await stage.clock.advance(60_000);
    expect(viewer.shown).toEqual([1]);
    expect(viewer.ids).toEqual([]);
    expect(stage.errors.map(({ code, key }) => [code, key])).toEqual([['key_unreadable', 'key']]);
    stage.writeElsewhere();
    await stage.clock.advance(2200);
    expect(viewer.shown).toEqual([1, 2]);
  });

  it('that can be written all the same shows what this process pushes', async () => {
    const { store } = notingStore();
    const read: Store['read'] = async (keys) => keys.map(() => new Error('not for you'));
    const stage = new Stage({ store: { ...store, read } });
    const viewer = stage.open();
    await stage.clock.advance(1000);
    expect(await stage.push('key')).toBe(true);
    expect(viewer.shown).toEqual([1, 2]);
  });
});
