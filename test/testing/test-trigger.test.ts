import express from 'express';
import { describe, expect, it } from 'vitest';
import { streamSse } from '../../src/index.ts';
import { type ReceivedEvent, readEvents, testTrigger, VirtualClock } from '../../src/testing.ts';
import { RecordingStore } from '../support/recording-store.ts';
import { serve } from '../support/serve.ts';

const appOf = (trigger: ReturnType<typeof testTrigger>, data: () => unknown = () => 1) =>
  express().get('/', streamSse(trigger, { key: 'count', data: data as () => number }));

/** Opens a stream, reads its first event, and gives what comes after it. */
async function opened(trigger: ReturnType<typeof testTrigger>): Promise<AsyncGenerator<ReceivedEvent>> {
  const events = readEvents(appOf(trigger), '/', { everything: true });
  await events.next();
  await events.next();
  return events;
}

describe('testTrigger', () => {
  it('polls when the clock says so, and not a millisecond before', async () => {
    const clock = new VirtualClock();
    const trigger = testTrigger({ clock, poll: 3000 });
    const events = await opened(trigger);
    const { checks } = trigger.stats();
    await clock.advance(2_999);
    expect(trigger.stats().checks).toBe(checks);
    await clock.advance(1);
    expect(trigger.stats().checks).toBe(checks + 1);
    await clock.advance(30_000);
    expect(trigger.stats().checks).toBe(checks + 11);
    await events.return(undefined);
    await trigger.close();
  });

  it('ends a stream after 90 % of its lifetime', async () => {
    const clock = new VirtualClock();
    const trigger = testTrigger({ clock });
    const events = await opened(trigger);
    let heartbeats = 0;
    await clock.advance(1_800_000 * 0.9);
    for await (const { comment } of events) if (comment === '') heartbeats += 1;
    expect(heartbeats).toBe((1_800_000 * 0.9) / 15_000 - 1);
    expect(trigger.stats().streams).toBe(0);
    await trigger.close();
  });

  it('makes jitter of the numbers that it is given', async () => {
    for (const [random, retry] of [
      [undefined, 3_500],
      [() => 0, 2_000],
      [() => 1, 5_000],
    ] as const) {
      const trigger = testTrigger({ clock: new VirtualClock(), random });
      const events = readEvents(appOf(trigger), '/', { everything: true });
      expect((await events.next()).value).toMatchObject({ retry });
      await events.return();
      await trigger.close();
    }
  });

  it('sends a push when the throttle allows it, and tries again what failed within a second', async () => {
    const clock = new VirtualClock();
    const trigger = testTrigger({ clock, onError: () => {} });
    let runs = 0;
    const data = () => {
      runs += 1;
      if (runs === 2) throw new Error('not now');
      return runs;
    };
    const events = readEvents(appOf(trigger, data), '/');
    await events.next();
    await trigger.push('count');
    await clock.advance(99);
    expect(runs).toBe(1);
    await clock.advance(1);
    expect(runs).toBe(2);
    await clock.advance(1_000);
    expect((await events.next()).value).toMatchObject({ data: '3' });
    await events.return();
    await trigger.close();
  });

  it('gives up on a store when the time for that has passed', async () => {
    const clock = new VirtualClock();
    const store = new RecordingStore();
    store.write = () => new Promise(() => {});
    const codes: string[] = [];
    const trigger = testTrigger({ clock, store, onError: ({ code }) => codes.push(code) });
    const stored = trigger.push('count');
    await clock.advance(999);
    expect(codes).toEqual([]);
    await clock.advance(1);
    expect(await stored).toBe(false);
    expect(codes).toEqual(['write_failed']);
  });

  it('needs no time for a crowd that comes at once', async () => {
    const clock = new VirtualClock();
    const trigger = testTrigger({ clock });
    await using app = await serve(appOf(trigger));
    const crowd = Array.from({ length: 250 }, () => readEvents(app.url, '/'));
    for (const { value } of await Promise.all(crowd.map((events) => events.next()))) {
      expect(value).toMatchObject({ data: '1' });
    }
    expect(clock.now()).toBe(0);
    await Promise.all(crowd.map((events) => events.return()));
    await trigger.close();
  });

  it('takes the options of an SseTrigger, and no others', () => {
    const clock = new VirtualClock();
    expect(() => testTrigger({ clock, poll: -1 })).toThrow(TypeError);
    // @ts-expect-error no such option
    expect(() => testTrigger({ clock, polls: 1 })).toThrow(/no option "polls"/);
    // @ts-expect-error no clock
    expect(() => testTrigger({})).toThrow('testTrigger needs a clock');
    // @ts-expect-error without anything
    expect(() => testTrigger()).toThrow('testTrigger needs a clock');
  });
});

it('lets no time pass that does not end or is none', async () => {
  const clock = new VirtualClock();
  for (const ms of [Number.NaN, Infinity]) await expect(clock.advance(ms)).rejects.toThrow(RangeError);
  // @ts-expect-error how long?
  await expect(clock.advance()).rejects.toThrow(RangeError);
  expect(clock.now()).toBe(0);
});
