import express, { type Response } from 'express';
import { SseTrigger } from 'sse-trigger';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Meter } from '../../demo/meter.ts';
import { head, type Served, serve } from '../support/serve.ts';
import { until } from '../support/until.ts';

const noStats = new SseTrigger().stats();

let meter: Meter;
/** Called by the meter when there is something new to see. */
let onChange: ReturnType<typeof vi.fn<() => void>>;
let served: Served;
/** Those that were answered so far. */
let responses: Response[];

beforeEach(async () => {
  onChange = vi.fn();
  responses = [];
  meter = new Meter(onChange);
  const app = express();
  app.get(
    '/counted',
    meter.count(({ query }) => Number(query.keys)),
    (_req, res) => {
      responses.push(res);
      res.write(': open\n\n');
    },
  );
  app.get(
    '/recorded',
    meter.record((req) => String(req.query.users).split(',')),
    (_req, res) => {
      responses.push(res);
      res.write(': open\n\n');
    },
  );
  app.get(
    '/refused',
    meter.count(() => 1),
    (_req, res) => {
      res.status(401).end('no');
    },
  );
  served = await serve(app);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await served[Symbol.asyncDispose]();
});

/** Time as the meter sees it. */
function setTime(): (ms: number) => void {
  const began = Math.ceil(performance.now()); // whole, so that differences are exact
  const now = vi.spyOn(performance, 'now').mockReturnValue(began);
  return (ms) => now.mockReturnValue(began + ms);
}

describe('what one loop a connection would have cost', () => {
  it('is a check of each key when a client comes, and for every two seconds that its stream is open', async () => {
    const checks = () => meter.loop(noStats).checks;
    const time = setTime();
    await head(`${served.url}/counted?keys=1`);
    expect(checks()).toBe(1);
    time(10_000);
    expect(checks()).toBe(1 + 5);
    await head(`${served.url}/counted?keys=3`);
    expect(checks()).toBe(1 + 5 + 3);
    time(20_000);
    expect(checks()).toBe(1 + 10 + 3 * (1 + 5));
    const changes = onChange.mock.calls.length;
    responses[0]!.end();
    await until(() => onChange.mock.calls.length > changes);
    time(30_000);
    expect(checks()).toBe(1 + 10 + 3 * (1 + 10));
    time(30_600);
    expect(checks()).toBe(1 + 10 + 3 * (1 + 10));
    time(32_000);
    expect(checks()).toBe(1 + 10 + 3 * (1 + 11));
  });

  it('is a run for everyone who came back, and for a frame, but one a stream and look at most', async () => {
    const time = setTime();
    const runs = () => meter.loop({ ...noStats, resumed: 10, conflated: 100 }).runs;
    const writeToAll = (text: string) => {
      for (const res of responses) res.write(text);
    };
    await head(`${served.url}/counted?keys=1`);
    await head(`${served.url}/counted?keys=1`);
    writeToAll('id: x\nevent: bells\ndata: {}\n\n');
    expect(runs()).toBe(10 + 2);
    time(1_999);
    writeToAll('id: y\nevent: bells\ndata: {}\n\n');
    expect(runs()).toBe(10 + 2);
    time(2_000);
    writeToAll(':\n\n');
    writeToAll('id: y\n\n');
    expect(runs()).toBe(10 + 2);
    for (let frame = 0; frame < 9; frame += 1) responses[0]!.write('id: z\ndata: {}\n\n');
    expect(runs()).toBe(10 + 3);
    responses[1]!.write('id: z\ndata: {}\n\n');
    expect(runs()).toBe(10 + 4);
  });

  it('is for the streams that are open', async () => {
    expect(meter.watching).toBe(0);
    await head(`${served.url}/counted?keys=3`);
    await head(`${served.url}/recorded?users=alice`);
    expect(meter.watching).toBe(1);
    responses[0]!.end();
    await until(() => meter.watching === 0);
  });

  it('is nothing for a refusal', async () => {
    const time = setTime();
    await head(`${served.url}/refused`);
    time(10_000);
    expect(meter.loop(noStats)).toEqual({ checks: 0, runs: 0 });
    expect(onChange).not.toHaveBeenCalled();
  });
});

describe('what went over the wire', () => {
  it('is shown as it is, to a screen that has all users of the stream', async () => {
    await head(`${served.url}/recorded?users=alice`);
    await head(`${served.url}/recorded?users=alice,bob`);
    responses[0]!.write('data: 1\n\n');
    responses[1]!.write('data: 2\n\n');
    const shownTo = (...users: string[]) => meter.wire(users).map(({ text }) => text);
    expect(shownTo('alice')).toEqual([': open\n\n', 'data: 1\n\n']);
    expect(shownTo('bob', 'alice')).toEqual([': open\n\n', ': open\n\n', 'data: 1\n\n', 'data: 2\n\n']);
    expect(shownTo('bob')).toEqual([]);
    expect(shownTo()).toEqual([]);
    expect(meter.wire(['alice'])[0]!.at).toMatch(/^\d{4}-.*Z$/);
    expect(onChange).toHaveBeenCalledTimes(4);
  });

  it('is the last twelve, and of a long one the beginning', async () => {
    await head(`${served.url}/recorded?users=alice`);
    for (let write = 1; write <= 300; write += 1) responses[0]!.write(`data: ${write}\n\n`);
    const texts = meter.wire(['alice']).map(({ text }) => text);
    expect(texts).toHaveLength(12);
    expect(texts[0]).toBe('data: 289\n\n');
    expect(texts[11]).toBe('data: 300\n\n');
    responses[0]!.write(`data: ${'x'.repeat(10_000)}\n\n`);
    const { text } = meter.wire(['alice'])[11]!;
    expect(text).toBe(`data: ${'x'.repeat(4_000 - 'data: '.length)} …`);
  });
});
