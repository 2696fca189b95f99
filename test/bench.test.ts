import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventStreamReader } from '../bench/clients/event-stream-reader.ts';
import { type Deliveries, Group } from '../bench/clients/group.ts';
import type { Figure } from '../bench/figures.ts';
import { weighByTime } from '../bench/loop-delay.ts';
import { inTurn, type Measurement, untilValid } from '../bench/measurement.ts';
import { requireOpenFiles } from '../bench/open-files.ts';
import type { Saves } from '../bench/pusher.ts';
import { latenciesOf, receiptsOf } from '../bench/receipts.ts';
import { makeReport, type Report, refusalOf, type Setup } from '../bench/report.ts';
import { resultOf } from '../bench/result.ts';
import { thisRevision } from '../bench/revision.ts';
import { type Size, sizes } from '../bench/size.ts';
import { median, quantile } from '../bench/statistics.ts';
import { toMarkdown } from '../bench/table.ts';
import { until } from './support/until.ts';

/** As it was built: it starts processes of its own from there. */
const BENCH = 'bench/dist/bench.js';

describe('the smallest run', () => {
  let folder: string;
  let report: Report;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sse-trigger-bench-'));
    await run(process.execPath, BENCH, '--smallest', '--results', folder);
    report = JSON.parse(await readFile(join(folder, 'smallest.json'), 'utf8'));
  }, 130_000);

  afterAll(() => rm(folder, { recursive: true }));

  it('measures every scenario without trouble', () => {
    expect(report.troubles).toEqual([]);
    expect(new Set(report.measurements.map(({ scenario }) => scenario)).size).toBe(9);
  });

  it('has a result for every figure, and those that are no matter of speed hold', () => {
    // A run so small may well be void where time is measured.
    const exact = report.results.filter(({ figure }) => figure.exact);
    expect(exact.map(({ outcome }) => outcome)).toEqual(exact.map(() => 'reached'));
  });

  it('draws its plots', async () => {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.svg'));
    expect(names.length).toBeGreaterThanOrEqual(4);
    for (const name of names) {
      const svg = await readFile(join(folder, name), 'utf8');
      expect(svg).toMatch(/^<svg [\s\S]*<\/svg>\s*$/);
      expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    }
  });
});

describe('a figure', () => {
  const figure: Figure = {
    scenario: 'fan-out',
    variant: '100 B',
    value: 'cpuMicrosPerFrame',
    against: { contestant: 'bare-node', as: 'ratio' },
    goal: { atMost: 0.5 },
  };
  const measured = (round: number, contestant: Measurement['contestant'], cpu: number): Measurement => ({
    scenario: 'fan-out',
    contestant,
    variant: '100 B',
    round,
    streams: 10,
    values: { cpuMicrosPerFrame: cpu },
  });

  it('is a ratio of what was measured in one round', () => {
    const measurements = [
      ...[measured(0, 'sse-trigger', 10), measured(0, 'bare-node', 20)],
      ...[measured(1, 'sse-trigger', 30), measured(1, 'bare-node', 40)],
      ...[measured(2, 'sse-trigger', 10), measured(2, 'bare-node', 40)],
    ];
    const result = resultOf(figure, measurements, 3);
    expect(result).toMatchObject({ median: 0.5, least: 0.25, most: 0.75, outcome: 'reached' });
    expect(resultOf({ ...figure, exact: true }, measurements, 3).outcome).toBe('missed');
    expect(resultOf({ ...figure, goal: { atLeast: 0.6 } }, measurements, 3).outcome).toBe('missed');
  });

  it('is made of rounds in which nothing is missing or void, and of most of them or not at all', () => {
    const good = [measured(0, 'sse-trigger', 10), measured(0, 'bare-node', 40)];
    const voided = [measured(1, 'sse-trigger', 30), { ...measured(1, 'bare-node', 40), void: 'it lagged' }];
    const lacking = [measured(2, 'sse-trigger', 10)];
    expect(resultOf(figure, [...good, ...voided, ...lacking], 3).outcome).toBe('not measured');
    const again = [...voided, measured(1, 'bare-node', 120)];
    expect(resultOf(figure, [...good, ...again, ...lacking], 3)).toMatchObject({
      median: 0.25,
      outcome: 'reached',
    });
  });

  it('takes what did not grow for noise, which has to be small beside what the other grew by', () => {
    const grown = (ours: number, theirs: number) =>
      resultOf(figure, [measured(0, 'sse-trigger', ours), measured(0, 'bare-node', theirs)], 1);
    expect(grown(-10, 100)).toMatchObject({ median: 0.1, outcome: 'reached' });
    expect(grown(-60, 100).outcome).toBe('missed');
    expect(grown(-60, -100).outcome).toBe('not measured');
  });

  it('compares numbers of streams', () => {
    const of = (streams: number, cpu: number) => ({ ...measured(0, 'sse-trigger', cpu), streams });
    const growth: Figure = {
      ...figure,
      per: { unit: 'stream', of: (streams) => streams },
      against: { share: 0.1, as: 'ratio' },
    };
    expect(resultOf(growth, [of(10, 5), of(100, 40)], 1)).toMatchObject({ median: 0.8 });
  });
});

describe('a report', () => {
  const setup: Setup = {
    revision: { hash: 'abc1234', measured: 'one', dirty: false },
    machine: { cpu: 'fast', cores: 2, memoryGiB: 24, kernel: '6.1', versions: { Node: '20.20.2' } },
    size: sizes.full,
  };

  it('takes scenarios measured anew only when everything else was alike', () => {
    const at = (hash: string, measured: string, dirty = false) => ({
      ...setup,
      revision: { hash, measured, dirty },
    });
    const dirty = at('abc1234', 'one', true);
    expect(refusalOf(setup, { ...setup })).toBeUndefined();
    expect(refusalOf(setup, dirty)).toMatch('not committed');
    expect(refusalOf(dirty, setup)).toMatch('abc1234 with changes');
    expect(refusalOf({}, setup)).toMatch('unknown revision');
    expect(refusalOf(at('def5678', 'two'), setup)).toMatch('def5678');
    expect(refusalOf(at('def5678', 'one'), setup)).toBeUndefined();
    expect(refusalOf({ ...setup, machine: { ...setup.machine, cores: 4 } }, setup)).toMatch('machine');
    expect(refusalOf({ ...setup, size: sizes.quick }, setup)).toMatch('size');
  });

  const burst = (round: number, runs: number): Measurement => ({
    scenario: 'burst',
    contestant: 'sse-trigger',
    variant: 'burst',
    round,
    streams: 20,
    values: { runs },
  });
  const reportOf = (size: Size, ...measurements: Measurement[]) => {
    const scenarios = { burst: { date: '2026-01-01', seconds: 1, foreignCpuSeconds: 0 } };
    return makeReport({ ...setup, size, scenarios, leftOut: ['nchan'], measurements, failures: [] });
  };

  it('has no tick where anything exact does not hold, and says so', () => {
    const report = reportOf(sizes.full, burst(0, 2), burst(1, 4), burst(2, 2));
    expect(report.troubles).toContain('burst: callback runs, burst does not hold');
    expect(toMarkdown(report)).toMatch(/\| burst \| callback runs, burst .* \| 2 \(2 … 4\) \| ✗ \|/);
  });

  it('says where only some rounds count', () => {
    const report = reportOf(sizes.full, burst(0, 2), burst(1, 2));
    expect(toMarkdown(report)).toMatch(
      /\| burst \| callback runs, burst .* \| 2 \(2 … 2\), 2 of 3 rounds \| ✓ \|/,
    );
  });

  it('has a gap, and not only a cross, when something of a full run was not measured', () => {
    const whole = reportOf(sizes.full, burst(0, 4), burst(1, 4), burst(2, 4));
    expect(whole.gaps.filter((gap) => gap.includes('callback runs, burst'))).toEqual([]);
    const report = reportOf(sizes.full, burst(0, 2));
    expect(report.gaps).toEqual(report.troubles);
    expect(report.troubles).toContain('burst: callback runs, burst was not measured in most rounds');
    expect(toMarkdown(report)).toMatch(/\| burst \| callback runs, burst .* \| not measured \| {2}\|/);
  });

  it('names contestants that were left out', () => {
    expect(toMarkdown(reportOf(sizes.full, burst(0, 2)))).toMatch('Left out, since not installed: nchan.');
  });
});

it('knows from which revision it was built', () => {
  expect(thisRevision()?.hash).toMatch(/^[0-9a-f]{7,}$/);
  expect(thisRevision()?.measured).toMatch(/^[0-9a-f]{40}$/);
});

it('asks for a mend of what it cannot measure', async () => {
  await expect(run(process.execPath, BENCH, '--rounds', 'x')).rejects.toThrow(
    /TypeError: --rounds takes a whole/,
  );
  await expect(run(process.execPath, BENCH, '--streams', '0')).rejects.toThrow(
    /TypeError: --streams takes a whole/,
  );
  await expect(run(process.execPath, BENCH, '--only', 'all')).rejects.toThrow(
    /TypeError: --only takes some of idle/,
  );
  expect(() => requireOpenFiles({ ...sizes.full, streams: 1e12 })).toThrow(/ulimit -n 1000000001000/);
});

it('counts a save that the next one overtook until a later row is shown', () => {
  const saves: Saves = {
    first: 11,
    keys: ['one', 'two', 'one', 'one'],
    last: new Map(),
    at: Float64Array.of(0, 1000, 2000, 3000),
    begun: new Float64Array(4),
    acknowledged: new Float64Array(4),
  };
  const deliveries: Deliveries = {
    client: Float64Array.of(0, 2, 0, 1),
    save: Float64Array.of(9, 13, 13, 12),
    at: new Float64Array(4),
    received: Float64Array.of(500, 5000, 6000, 9000),
  };
  const receipts = receiptsOf(deliveries, saves, ['one', 'two', 'one']);
  expect(receipts.map(({ key, save }) => [key, save])).toEqual([
    ...[0, 2].map((save) => ['one', save]),
    ...[0, 2].map((save) => ['one', save]),
    ['two', 1],
  ]);
  expect(latenciesOf(receipts, saves)).toEqual([5, 3, 6, 4, 8]);
});

it('counts a client that was given an old row after the one it waited for', async () => {
  const rows = [2, 1].map((save) => `data: {"n":${save},"at":1,"fill":""}\n\n`);
  const server = createServer((_, res) => void res.writeHead(200).end(rows.join('')));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const group = new Group({ protocol: 'event-stream', keys: ['one', 'one'] });
  try {
    const shown = group.untilShown(2, 10_000);
    await group.open((server.address() as AddressInfo).port, { atOnce: 2 }, 10_000);
    await shown;
    const received: number[] = [];
    await until(() => received.push(...group.takeDeliveries().save) === 4);
    expect(group.missed).toBe(2);
    expect(await group.untilShown(1, 10_000)).toBe(0);
  } finally {
    group.close();
    server.close();
  }
});

it('counts heartbeats, wherever what is read was cut', () => {
  const text = [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    'b\r\n: welcome\n\n\r\n',
    '30\r\nid: 1\ndata: {"n":7,"at":50,"fill":"\\n: no comment"}\n\n\r\n',
    '4\r\n: \n\n\r\n',
    '1c\r\ndata: {"n":8,"at":60,"fill":""}\n\n\r\n',
  ].join('');
  for (let cut = 1; cut < text.length; cut++) {
    const heard: unknown[] = [];
    const reader = new EventStreamReader({
      opened: () => heard.push('opened'),
      row: (save, at) => heard.push([save, at]),
      comment: () => heard.push('comment'),
      reply: () => heard.push('reply'),
      refused: () => heard.push('refused'),
    });
    reader.read(Buffer.from(text.slice(0, cut)));
    reader.read(Buffer.from(text.slice(cut)));
    expect(heard, `cut at ${cut}`).toEqual(['opened', 'comment', [7, 50], 'comment', [8, 60]]);
  }
});

it('weighs a stall by its time', () => {
  const punctual = new Array<number>(950).fill(0);
  expect(weighByTime([...punctual, 100], 2)).toEqual({ p99Ms: 80, maxMs: 100 });
  expect(weighByTime(punctual, 2)).toEqual({ p99Ms: 0, maxMs: 0 });
});

it('measures anew what is void, but not for ever', async () => {
  const attempts = async (good: number) => {
    let made = 0;
    for await (const _ of untilValid(async () => (++made < good ? { void: 'it lagged' } : {})));
    return made;
  };
  expect(await attempts(1)).toBe(1);
  expect(await attempts(3)).toBe(3);
  expect(await attempts(100)).toBe(4);
});

it('has neighbours follow upon each other in both ways, and others begin', () => {
  const orders = (...items: string[]) => [0, 1, 2].map((round) => inTurn(round, items).join(''));
  expect(orders('a', 'b', 'c')).toEqual(['abc', 'cba', 'bca']);
  expect(orders('a', 'b')).toEqual(['ab', 'ba', 'ba']);
  expect(orders('a')).toEqual(['a', 'a', 'a']);
});

it('knows the middle and the tail', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect([0, 0.5, 0.99, 1].map((share) => quantile(hundred, share))).toEqual([1, 50, 99, 100]);
});

/** Rejects, with all that was printed, when it does not end with 0 within two minutes. */
function run(program: string, ...args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: 120_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stdout}${stderr}`));
      else resolve();
    });
  });
}
