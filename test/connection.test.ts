import { describe, expect, it } from 'vitest';
import { Heartbeats, type Visited } from '../src/heartbeats.ts';
import { Stage } from './support/stage.ts';
import { VirtualClock } from './support/virtual-clock.ts';

describe('a stream that nobody pushes to', () => {
  it('costs one run, a check a poll and a heartbeat every 15 s', async () => {
    const stage = new Stage();
    const viewer = stage.open();
    await stage.clock.advance(60_500);

    const { runs, checks, heartbeats } = stage.engine.stats();
    expect(runs).toBe(1);
    expect(viewer.shown).toEqual([1]);
    // 30 polls, and three checks at the beginning, since the key was missing: read, and read again after it was seeded.
    expect(checks).toBeGreaterThanOrEqual(28);
    expect(checks).toBeLessThanOrEqual(36);
    expect(heartbeats).toBe(4);
    expect(viewer.heartbeats.map((at) => Math.round(at / 1000))).toEqual([15, 30, 45, 60]);
  });

  it('gets a heartbeat only when nothing else was sent for so long', async () => {
    const stage = new Stage();
    const viewer = stage.open();
    await stage.clock.advance(10_000);
    await stage.push('key');
    await stage.clock.advance(20_000);
    expect(viewer.heartbeats.map((at) => Math.round(at / 1000))).toEqual([25]);
  });
});

describe('a crowd that is due at once', () => {
  it('gets its heartbeats in slices, with everybody else in between', async () => {
    const stage = new Stage();
    const viewers = Array.from({ length: 250 }, () => stage.open());
    await stage.clock.advance(14_000);
    await stage.push('key');
    const alive: number[] = [];
    const count = () => {
      alive.push(viewers.filter(({ heartbeats }) => heartbeats.length > 0).length);
      if (alive.at(-1)! < 250) stage.clock.after(0, count);
    };
    stage.clock.after(15_000, count);
    await stage.clock.advance(15_500);

    expect(alive.at(-1)).toBe(250);
    const slices = alive.slice(1).map((heard, index) => heard - alive[index]!);
    expect(Math.max(...slices)).toBeLessThanOrEqual(100);
    expect(viewers.every(({ heartbeats }) => heartbeats.length === 1)).toBe(true);
  });
});

describe('a stream that ends during the visit of another one', () => {
  it('is not visited any more', async () => {
    const clock = new VirtualClock();
    const heartbeats = new Heartbeats(clock);
    const visits: string[] = [];
    const second: Visited = { place: undefined, visit: (now) => visits.push('second') + now };
    const first: Visited = {
      place: undefined,
      visit(now) {
        visits.push('first');
        heartbeats.remove(second);
        return now + 1000;
      },
    };
    heartbeats.schedule(first, 100);
    heartbeats.schedule(second, 100);
    await clock.advance(150);
    expect(visits).toEqual(['first']);
  });
});

describe('the first bytes', () => {
  it('go out before the callback has an answer, with a random retry of the range', async () => {
    const stage = new Stage();
    const retries = Array.from({ length: 20 }, () => {
      const viewer = stage.open({ data: () => new Promise(() => {}) });
      return Number(/^: open\nretry: (\d+)\n\n$/.exec(viewer.text)?.[1]);
    });
    expect(Math.min(...retries)).toBeGreaterThanOrEqual(2000);
    expect(Math.max(...retries)).toBeLessThanOrEqual(5000);
    expect(new Set(retries).size).toBeGreaterThan(10);
  });
});

describe('a client that takes nothing (C2)', () => {
  it('is written nothing more, and gets only the newest frame once it goes on', async () => {
    const stage = new Stage();
    const viewer = stage.open();
    await stage.clock.advance(10);
    viewer.isStuck = true;
    for (let push = 0; push < 5; push += 1) {
      await stage.clock.advance(1000);
      await stage.push('key');
    }
    await stage.clock.advance(1000);
    expect(viewer.shown).toEqual([1, 2]);

    viewer.isStuck = false;
    viewer.drain();
    expect(viewer.shown).toEqual([1, 2, 6]);
    expect(stage.engine.stats().conflated).toBe(3);
  });

  it('gets no heartbeats, and is cut off after writeTimeout', async () => {
    const stage = new Stage();
    const viewer = stage.open({ stuck: true, writeTimeout: 5000 });
    await stage.clock.advance(4900);
    expect(viewer.ended).toBeUndefined();
    await stage.clock.advance(300);
    expect(viewer.ended).toBe('destroyed');
    expect(viewer.heartbeats).toEqual([]);
    expect(stage.engine.stats()).toMatchObject({ closed: { stuck: 1 }, streams: 0, keys: 0 });
    expect(stage.clock.pending).toBe(0);
  });

  it('does not hold up the others', async () => {
    const stage = new Stage();
    stage.open({ stuck: true });
    const healthy = stage.open();
    await stage.clock.advance(10);
    await stage.push('key');
    await stage.clock.advance(200);
    expect(healthy.shown).toEqual([1, 2]);
  });

  it('is destroyed rather than ended when its time has come', async () => {
    const stage = new Stage();
    const viewer = stage.open({ stuck: true, lifetime: 10_000 });
    await stage.clock.advance(10_100);
    expect(viewer.ended).toBe('destroyed');
  });
});

describe('a client whose response throws (C1)', () => {
  it('ends, and takes nobody along', async () => {
    const stage = new Stage();
    const bad = stage.open();
    const good = stage.open();
    await stage.clock.advance(10);
    bad.write = () => {
      throw new Error('a middleware broke it');
    };
    await stage.push('key');
    await stage.clock.advance(20_000);
    expect(bad.ended).toBe('destroyed');
    expect(good.shown).toEqual([1, 2]);
    expect(good.heartbeats).toHaveLength(1);
  });
});

describe('a client whose response cannot be ended', () => {
  it('is destroyed, and holds up neither the others nor close', async () => {
    const stage = new Stage();
    const bad = stage.open({ lifetime: 10_000 });
    const good = stage.open();
    await stage.clock.advance(10);
    bad.end = () => {
      throw new Error('a middleware broke it');
    };
    await stage.clock.advance(20_000);
    expect(bad.ended).toBe('destroyed');
    expect(good.heartbeats).toHaveLength(1);
    const closed = stage.engine.close();
    await stage.clock.advance(10);
    await closed;
    expect(stage.clock.pending).toBe(0);
  });
});

describe('a client that has taken what it was sent after a while', () => {
  it('gets its heartbeats again', async () => {
    const stage = new Stage();
    const viewer = stage.open({ stuck: true, writeTimeout: 600_000 });
    await stage.clock.advance(16_000);
    viewer.isStuck = false;
    viewer.drain();
    await stage.clock.advance(40_000);
    expect(viewer.heartbeats.length).toBeGreaterThanOrEqual(2);
  });
});

describe('a planned end', () => {
  it('cuts off a client that does not take its last bytes', async () => {
    const stage = new Stage();
    const viewer = stage.open({ lifetime: 10_000 });
    viewer.end = () => {};
    await stage.clock.advance(10_200);
    expect(viewer.ended).toBeUndefined();
    await stage.clock.advance(5000);
    expect(viewer.ended).toBe('destroyed');
    expect(stage.clock.pending).toBe(0);
  });

  it('comes after 80 to 100 % of the lifetime, and tells the client to come back soon', async () => {
    const stage = new Stage();
    const viewers = Array.from({ length: 20 }, () => stage.open({ lifetime: 100_000 }));
    await stage.clock.advance(79_900);
    expect(viewers.every(({ ended }) => ended === undefined)).toBe(true);
    await stage.clock.advance(20_200);
    expect(viewers.every(({ ended }) => ended === 'ended')).toBe(true);
    for (const viewer of viewers) {
      const retry = Number(/retry: (\d+)\n\n$/.exec(viewer.text)?.[1]);
      expect(retry).toBeGreaterThanOrEqual(200);
      expect(retry).toBeLessThanOrEqual(1000);
    }
    const ends = new Set(viewers.map(({ writes }) => writes.at(-1)?.at));
    expect(ends.size).toBeGreaterThan(10);
  });
});

describe('several feeds on one connection', () => {
  const feeds = ['a', 'b', 'c'].map((key) => ({ keys: [key], data: () => `now ${key}` }));

  it('share one id: what was written of each so far, and - for what was not', async () => {
    const stage = new Stage();
    const viewer = stage.open({ feeds });
    await stage.clock.advance(10);
    const [a, b, c] = viewer.ids.at(-1)!.split('.');
    expect(viewer.ids).toEqual([`${a}.-.-`, `${a}.${b}.-`, `${a}.${b}.${c}`]);
    for (const position of [a, b, c]) expect(position).toMatch(/^[\w-]{11}$/);
  });

  it('give a client that was stuck and comes back exactly the frames that it never got (C7)', async () => {
    const stage = new Stage();
    const stuck = stage.open({ feeds, stuck: true });
    await stage.clock.advance(10);
    // It takes the first bytes, then the first frame; the second one is lost on the way and the third was never written.
    stuck.drain();
    const [received] = stuck.ids;
    stuck.drain();
    expect(stuck.texts).toEqual(['now a', 'now b']);
    stuck.leave();

    const back = stage.open({ feeds, lastEventId: received });
    await stage.clock.advance(10);
    expect(back.texts).toEqual(['now b', 'now c']);
    expect(stage.engine.stats().resumed).toBe(1);
  });
});
