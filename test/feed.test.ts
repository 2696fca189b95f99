import { describe, expect, it, vi } from 'vitest';
import { Stage } from './support/stage.ts';
import { settled } from './support/virtual-clock.ts';

/** A callback whose answers the test gives, run by run. */
function manual() {
  const runs: { signal: AbortSignal; answer(value: unknown): void; fail(error: unknown): void }[] = [];
  const data = (signal: AbortSignal) =>
    new Promise((resolve, reject) => runs.push({ signal, answer: resolve, fail: reject }));
  return { runs, data };
}

describe('a push to a feed', () => {
  it('runs the callback once for 50 viewers, who all get the same Buffer', async () => {
    const stage = new Stage();
    const viewers = Array.from({ length: 50 }, () => stage.open());
    await stage.clock.advance(10);
    expect(stage.runs).toBe(1);

    await stage.clock.advance(1000);
    await stage.push('key');
    expect(stage.runs).toBe(2);
    const frames = new Set(viewers.map(({ writes }) => writes.at(-1)?.bytes));
    expect(frames.size).toBe(1);
    expect(viewers.every(({ shown }) => shown.at(-1) === 2)).toBe(true);
  });

  it('reaches 250 viewers in slices, with everybody else in between', async () => {
    const stage = new Stage();
    const viewers = Array.from({ length: 250 }, () => stage.open());
    await stage.clock.advance(1000);
    const reached: number[] = [];
    const count = () => {
      reached.push(viewers.filter(({ shown }) => shown.at(-1) === 2).length);
      if (reached.at(-1)! < 250) stage.clock.after(0, count);
    };
    stage.clock.after(0, count);
    await stage.push('key');

    expect(reached.at(-1)).toBe(250);
    const slices = reached.slice(1).map((shown, index) => shown - reached[index]!);
    expect(Math.max(...slices)).toBeLessThanOrEqual(100);
    expect(stage.engine.stats().frames).toBe(500);
  });

  it('that comes between slices reaches the rest of them first, and in the end everybody', async () => {
    const stage = new Stage();
    const { runs, data } = manual();
    const viewers = Array.from({ length: 250 }, () => stage.open({ data, throttle: 0 }));
    await stage.clock.advance(10);
    await stage.push('key');
    // Its slices come one by one, as the clock's turns do.
    const turns: (() => void)[] = [];
    const after = stage.clock.after.bind(stage.clock);
    vi.spyOn(stage.clock, 'after').mockImplementation((delay, run) => {
      if (delay > 0) return after(delay, run);
      turns.push(run);
      return () => {};
    });
    const answer = async (value: string) => {
      runs.at(-1)!.answer(value);
      await settled();
    };
    await answer('first');
    expect(viewers.filter(({ texts }) => texts.includes('first'))).toHaveLength(100);
    await answer('second');
    while (turns.length > 0) turns.shift()!();

    expect(viewers.every(({ texts }) => texts.at(-1) === 'second')).toBe(true);
    expect(viewers.filter(({ texts }) => texts.includes('first'))).toHaveLength(100);
    expect(stage.engine.stats().frames).toBe(350);
  });

  it('makes exactly one more run, however many come while the callback runs (D3)', async () => {
    const stage = new Stage();
    const { runs, data } = manual();
    const viewer = stage.open({ data });
    await stage.clock.advance(10);
    for (let push = 0; push < 1000; push += 1) await stage.push('key');
    expect(runs.length).toBe(1);

    runs[0]!.answer('old');
    await stage.clock.advance(5000);
    expect(runs.length).toBe(2);
    runs[1]!.answer('new');
    await stage.clock.advance(5000);
    expect(runs.length).toBe(2);
    expect(viewer.texts).toEqual(['old', 'new']);
  });

  it('waits until `throttle` has passed since the last run', async () => {
    const stage = new Stage();
    stage.open({ throttle: 500 });
    await stage.clock.advance(0);
    await stage.push('key');
    await stage.clock.advance(499);
    expect(stage.runs).toBe(1);
    await stage.clock.advance(2);
    expect(stage.runs).toBe(2);
  });

  it('leaves nothing behind when the last viewer leaves before', async () => {
    const stage = new Stage();
    const viewer = stage.open({ throttle: 5000 });
    await stage.clock.advance(10);
    await stage.push('key');
    viewer.leave();
    expect(stage.clock.pending).toBe(0);
  });

  it('shows each of 300 different results', async () => {
    const stage = new Stage();
    const viewer = stage.open();
    for (let push = 0; push < 300; push += 1) {
      await stage.clock.advance(100);
      await stage.push('key');
    }
    expect(viewer.shown).toEqual(Array.from({ length: 301 }, (_, index) => index + 1));
  });

  it('does not send what a viewer has already, but the id to come back with (D5)', async () => {
    const stage = new Stage();
    const viewer = stage.open({ data: () => 'the same' });
    await stage.clock.advance(1000);
    await stage.push('key');
    await stage.clock.advance(1000);
    expect(stage.engine.stats()).toMatchObject({ runs: 2, frames: 1 });
    expect(viewer.texts).toEqual(['the same']);
    expect(new Set(viewer.ids).size).toBe(2);

    const back = stage.open({ lastEventId: viewer.ids.at(-1) });
    await stage.clock.advance(1000);
    expect(back.ids).toEqual([]);
  });

  it('sends nothing when the callback gives undefined, and counts that as shown (W4)', async () => {
    const stage = new Stage();
    const viewer = stage.open({ data: () => undefined });
    await stage.clock.advance(1000);
    expect(viewer.text).not.toContain('data:');
    const back = stage.open({ lastEventId: viewer.ids.at(-1) });
    await stage.clock.advance(1000);
    expect(stage.engine.stats()).toMatchObject({ runs: 1, resumed: 1 });
    expect(back.text).not.toContain('id:');
  });
});

describe('a client that comes', () => {
  it('back with a position that stands gets nothing and runs nothing', async () => {
    const stage = new Stage();
    const first = stage.open();
    await stage.clock.advance(10);
    first.leave();
    const back = stage.open({ lastEventId: first.ids.at(-1) });
    await stage.clock.advance(60_000);
    expect(back.shown).toEqual([]);
    expect(back.heartbeats.length).toBeGreaterThan(0);
    expect(stage.runs).toBe(1);
  });

  it('back after a push gets the new state', async () => {
    const stage = new Stage();
    const first = stage.open();
    await stage.clock.advance(10);
    first.leave();
    stage.writeElsewhere();
    const back = stage.open({ lastEventId: first.ids.at(-1) });
    await stage.clock.advance(10);
    expect(back.shown).toEqual([2]);
  });

  it('back with a position that stands is not sent that state when others need a run for it', async () => {
    const stage = new Stage();
    const first = stage.open();
    await stage.clock.advance(10);
    first.leave();
    const back = stage.open({ lastEventId: first.ids.at(-1) });
    await stage.clock.advance(10);
    const fresh = stage.open();
    await stage.clock.advance(10);
    expect(fresh.shown).toEqual([2]);
    expect(back.shown).toEqual([]);
    await stage.clock.advance(1000);
    await stage.push('key');
    expect([fresh.shown, back.shown]).toEqual([[2, 3], [3]]);
  });

  it('while others look gets the frame at hand without a run', async () => {
    const stage = new Stage();
    stage.open();
    await stage.clock.advance(10);
    const second = stage.open();
    await stage.clock.advance(10);
    expect(second.shown).toEqual([1]);
    expect(stage.runs).toBe(1);
  });

  it('while the callback runs for its version shares that run', async () => {
    const stage = new Stage();
    const data = async () => {
      stage.runs += 1;
      await new Promise<void>((resolve) => stage.clock.after(500, resolve));
      return stage.runs;
    };
    stage.open({ data });
    await stage.clock.advance(200);
    const second = stage.open({ data });
    await stage.clock.advance(5000);
    expect(second.shown).toEqual([1]);
    expect(stage.runs).toBe(1);
  });

  it('back with a new state from another process does not keep the others from it', async () => {
    const stage = new Stage();
    let tokens = 0;
    const newToken = () => {
      tokens += 1;
      return `other${tokens}`;
    };
    const elsewhere = new Stage({ store: stage.store, clock: stage.clock, newToken });
    const viewer = stage.open();
    await stage.clock.advance(1000);
    stage.writeElsewhere();
    const there = elsewhere.open();
    await stage.clock.advance(10);
    // The read for this client finds the change, and that the client shows it already.
    stage.open({ lastEventId: there.ids.at(-1) });
    await stage.clock.advance(10);
    expect(stage.engine.stats().resumed).toBe(1);
    expect(viewer.shown).toEqual([1, 2]);
  });

  it('after a push that this process has not seen yet does not get the old frame', async () => {
    const stage = new Stage();
    stage.open();
    await stage.clock.advance(200);
    stage.writeElsewhere();
    const second = stage.open();
    await stage.clock.advance(10);
    expect(second.shown).toEqual([2]);
  });

  it('with another subject, other keys, another revision or on another feed has no position that stands', async () => {
    const stage = new Stage();
    const first = stage.open({ keys: ['a', 'b'] });
    await stage.clock.advance(10);
    const lastEventId = first.ids.at(-1);
    const others = [
      stage.open({ keys: ['a', 'b'], subject: 'somebody else', lastEventId }),
      stage.open({ keys: ['a'], lastEventId }),
      stage.open({ keys: ['a', 'b'], subject: ['somebody'], lastEventId, revision: '2' }),
      stage.open({
        lastEventId: `-.${lastEventId}`,
        feeds: [1, 2].map(() => ({ keys: ['a', 'b'], data: () => 0 })),
      }),
    ];
    await stage.clock.advance(10);
    for (const other of others) expect(other.ids).not.toEqual([]);
    expect(stage.engine.stats().resumed).toBe(0);
  });
});

describe('a callback that fails', () => {
  it('is tried again, ever later up to 30 s, and told of without a word on the wire (D1)', async () => {
    const stage = new Stage();
    const at: number[] = [];
    const data = () => {
      at.push(stage.clock.now());
      throw new Error('a secret of the database');
    };
    const viewer = stage.open({ data, heartbeat: 1_000_000 });
    await stage.clock.advance(200_000);
    const pauses = at.slice(1).map((time, index) => time - at[index]!);
    for (const [index, pause] of pauses.entries()) {
      const longest = Math.min(1000 * 2 ** index, 30_000);
      expect(pause).toBeGreaterThanOrEqual(longest / 2);
      expect(pause).toBeLessThanOrEqual(longest);
    }
    expect(pauses.length).toBeGreaterThan(8);
    expect(stage.errors.map(({ code, route }) => `${code} ${route}`)).toEqual(
      at.map(() => 'data_failed /stream'),
    );
    expect(stage.errors[0]?.cause).toMatchObject({ message: 'a secret of the database' });
    expect(viewer.writes).toHaveLength(1);
  });

  it('is tried again at once after a push, and keeps the last good frame for those who come', async () => {
    const stage = new Stage();
    let isFailing = false;
    const data = () => {
      if (isFailing) throw 'no Error at all';
      stage.runs += 1;
      return stage.runs;
    };
    const viewer = stage.open({ data });
    await stage.clock.advance(1000);
    isFailing = true;
    await stage.push('key');
    await stage.clock.advance(20_000);
    const late = stage.open({ data });
    await stage.clock.advance(10);
    expect(late.shown).toEqual([1]);

    isFailing = false;
    await stage.push('key');
    expect(viewer.shown).toEqual([1, 2]);
    expect(late.shown).toEqual([1, 2]);
  });

  it('is waited for by who comes while it is tried again, also when no version is known', async () => {
    const stage = new Stage();
    stage.server.nodeOf('key').add = () => {};
    const data = async () => {
      stage.runs += 1;
      if (stage.runs === 1) throw new Error('for the first time');
      await new Promise<void>((resolve) => stage.clock.after(2000, resolve));
      return stage.runs;
    };
    stage.open({ data });
    await stage.clock.advance(1500);
    expect(stage.runs).toBe(2);
    const late = stage.open({ data });
    await stage.clock.advance(30_000);
    expect(late.shown.length).toBeGreaterThan(0);
  });

  it('leaves the last good frame to who shows nothing, and what it shows to who comes back', async () => {
    const stage = new Stage();
    let isFailing = false;
    const data = async () => {
      if (!isFailing) return 'old';
      await new Promise<void>((resolve) => stage.clock.after(500, resolve));
      throw new Error('away');
    };
    stage.open({ data });
    await stage.clock.advance(1000);
    isFailing = true;
    await stage.push('key');
    const fresh = stage.open({ data });
    const back = stage.open({ data, lastEventId: 'AAAAAAAAAAA' });
    await stage.clock.advance(600);
    const later = stage.open({ data });
    await stage.clock.advance(10);
    expect([fresh.texts, back.texts, later.texts]).toEqual([['old'], [], ['old']]);
  });

  it('begins its pauses anew after it gave a result', async () => {
    const stage = new Stage();
    const at: number[] = [];
    let isFailing = true;
    const data = () => {
      at.push(stage.clock.now());
      if (isFailing) throw new Error('away');
      return 1;
    };
    stage.open({ data, resync: 5000 });
    await stage.clock.advance(40_000);
    isFailing = false;
    await stage.clock.advance(40_000);
    isFailing = true;
    at.length = 0;
    await stage.clock.advance(9000);
    expect(at[1]! - at[0]!).toBeLessThanOrEqual(1000);
  });

  it('begins its pauses anew after a push', async () => {
    const stage = new Stage();
    const at: number[] = [];
    const data = () => {
      at.push(stage.clock.now());
      throw new Error('still away');
    };
    stage.open({ data });
    await stage.clock.advance(60_000);
    at.length = 0;
    await stage.push('key');
    await stage.clock.advance(1100);
    expect(at).toHaveLength(2);
  });

  it('by giving what has no JSON is a failure like any other (W4)', async () => {
    const stage = new Stage();
    stage.open({ data: () => ({ amount: 1n }) });
    await stage.clock.advance(10);
    expect(stage.errors.map(({ code }) => code)).toEqual(['data_failed']);
  });

  it('for one subject does not concern the others (D4)', async () => {
    const stage = new Stage();
    stage.open({ subject: 'unlucky', data: () => Promise.reject(new Error()) });
    const lucky = stage.open({ subject: 'lucky' });
    await stage.clock.advance(10);
    expect(lucky.shown).toEqual([1]);
  });
});

describe('a callback that never ends', () => {
  it('is aborted after dataTimeout, frees its place, and what it gives too late is dropped (D2)', async () => {
    const stage = new Stage({ maxRuns: 1 });
    const { runs, data } = manual();
    const viewer = stage.open({ subject: 'slow', data, dataTimeout: 3000 });
    const other = stage.open({ subject: 'other' });
    await stage.clock.advance(2999);
    expect(other.shown).toEqual([]);
    await stage.clock.advance(1);
    expect(runs[0]!.signal.aborted).toBe(true);
    expect(stage.errors.map(({ code }) => code)).toEqual(['data_timeout']);
    expect(other.shown).toEqual([1]);

    runs[0]!.answer('too late');
    await stage.clock.advance(1000);
    runs[1]!.answer('in time');
    await stage.clock.advance(10);
    expect(viewer.texts).toEqual(['in time']);
  });

  it('is aborted when the last viewer leaves, and not before (C1)', async () => {
    const stage = new Stage();
    const { runs, data } = manual();
    const viewers = [stage.open({ data }), stage.open({ data })];
    await stage.clock.advance(10);
    viewers[0]!.leave();
    expect(runs[0]!.signal.aborted).toBe(false);
    viewers[1]!.leave();
    expect(runs[0]!.signal.aborted).toBe(true);
    runs[0]!.answer('for nobody');
    await stage.clock.advance(10);
    expect(stage.errors).toEqual([]);
    expect(stage.clock.pending).toBe(0);
  });

  it('keeps its place when its viewers leave and it does not heed that, until it is late (C1)', async () => {
    const stage = new Stage({ maxRuns: 1 });
    const { runs, data } = manual();
    const abandoned = stage.open({ subject: 'slow', data, dataTimeout: 3000 });
    const other = stage.open({ subject: 'other' });
    await stage.clock.advance(10);
    abandoned.leave();
    expect(runs[0]!.signal.aborted).toBe(true);
    await stage.clock.advance(2980);
    expect(other.shown).toEqual([]);
    await stage.clock.advance(20);
    expect(other.shown).toEqual([1]);
    expect(stage.errors).toEqual([]);
    expect(stage.engine.stats().failures).toBe(0);
  });
});

describe('resync', () => {
  it('is sent to a client that came back while it ran', async () => {
    const stage = new Stage();
    let isSlow = false;
    const data = async () => {
      stage.runs += 1;
      const run = stage.runs;
      if (isSlow) await new Promise<void>((resolve) => stage.clock.after(500, resolve));
      return run;
    };
    const first = stage.open({ data, resync: 10_000 });
    await stage.clock.advance(9900);
    isSlow = true;
    await stage.clock.advance(200);
    const back = stage.open({ data, resync: 10_000, lastEventId: first.ids.at(-1) });
    await stage.clock.advance(1000);
    expect(first.shown).toEqual([1, 2]);
    expect(back.shown).toEqual([2]);
  });

  it('reads again at least so often, for writes that no push tells of', async () => {
    const stage = new Stage();
    stage.open({ resync: 10_000 });
    await stage.clock.advance(9999);
    expect(stage.runs).toBe(1);
    await stage.clock.advance(21_000);
    expect(stage.runs).toBe(4);
  });
});
