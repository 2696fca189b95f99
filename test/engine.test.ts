import { describe, expect, it } from 'vitest';
import { Stage } from './support/stage.ts';

describe('the streams of a viewer', () => {
  it('are forgotten with their clients', async () => {
    const stage = new Stage();
    const viewers = [1, 2, 3].map(() => stage.open({ viewer: 'me' }));
    expect(stage.viewers.inExcess('me', 0)).toHaveLength(3);
    for (const viewer of viewers) viewer.leave();
    expect(stage.viewers.inExcess('me', 0)).toEqual([]);
  });
});

describe('callbacks', () => {
  it('run maxRuns at once, and the others in the order in which they came', async () => {
    const stage = new Stage({ maxRuns: 3 });
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    for (let feed = 0; feed < 8; feed += 1) {
      const data = () => {
        begun.push(feed);
        return new Promise<void>((resolve) => ends.push(resolve));
      };
      stage.open({ subject: feed, data });
    }
    await stage.clock.advance(10);
    expect(begun).toEqual([0, 1, 2]);
    ends[1]!();
    await stage.clock.advance(10);
    expect(begun).toEqual([0, 1, 2, 3]);
    for (let end = 0; end < 8; end += 1) {
      ends[end]?.();
      await stage.clock.advance(10);
    }
    expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('that wait for their turn and lose their viewers never run', async () => {
    const stage = new Stage({ maxRuns: 1 });
    stage.open({ subject: 'first', data: () => new Promise(() => {}) });
    const waiting = stage.open({ subject: 'second' });
    await stage.clock.advance(10);
    waiting.leave();
    await stage.clock.advance(20_000);
    expect(stage.runs).toBe(0);
  });

  it('run in the async context in which the trigger was made, not in that of a request or a push', async () => {
    const { AsyncLocalStorage } = await import('node:async_hooks');
    const request = new AsyncLocalStorage<string>();
    const stage = new Stage();
    const seen: unknown[] = [];
    const data = () => seen.push(request.getStore());
    request.run('the request', () => stage.open({ data }));
    await stage.clock.advance(1000);
    request.run('the push', () => void stage.engine.push(['key']));
    await stage.clock.advance(5000);
    expect(seen).toEqual([undefined, undefined]);
  });
});

describe('drain', () => {
  it('ends the streams spread over the window, each with a retry of its own, and lets no more in', async () => {
    const stage = new Stage();
    const viewers = Array.from({ length: 100 }, () => stage.open());
    await stage.clock.advance(1000);
    const drained = stage.engine.drain(10_000);
    expect(stage.engine.refuses).toBe('draining');
    await stage.clock.advance(5000);
    const ended = viewers.filter(({ ended }) => ended !== undefined).length;
    expect(ended).toBeGreaterThanOrEqual(45);
    expect(ended).toBeLessThanOrEqual(55);
    await stage.clock.advance(5000);
    await drained;
    const retries = viewers.map(({ text }) => Number(/retry: (\d+)\n\n$/.exec(text)?.[1]));
    expect(Math.min(...retries)).toBeGreaterThanOrEqual(200);
    expect(Math.max(...retries)).toBeLessThanOrEqual(1000);
    expect(new Set(retries).size).toBeGreaterThan(50);
    expect(stage.clock.pending).toBe(0);
  });

  it('is over as soon as the last client has gone by itself', async () => {
    const stage = new Stage();
    const viewer = stage.open();
    await stage.clock.advance(0);
    const drained = stage.engine.drain(10_000);
    viewer.leave();
    await drained;
    expect(stage.clock.now()).toBe(0);
    expect(stage.clock.pending).toBe(0);
  });
});

describe('close', () => {
  it('ends all streams at once, twice as well as once', async () => {
    const stage = new Stage();
    const viewers = [stage.open(), stage.open({ stuck: true })];
    await stage.clock.advance(1000);
    const closed = [stage.engine.close(), stage.engine.close()];
    await stage.clock.advance(10);
    await Promise.all(closed);
    expect(viewers.map(({ ended }) => ended)).toEqual(['ended', 'destroyed']);
    expect(stage.engine.stats()).toMatchObject({ streams: 0, keys: 0 });
    expect(stage.clock.pending).toBe(0);
  });
});
