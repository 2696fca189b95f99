import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Figure } from '../bench/figures.ts';
import type { Measurement } from '../bench/measurement.ts';
import type { Report } from '../bench/report.ts';
import { resultOf } from '../bench/result.ts';
import { median, quantile } from '../bench/statistics.ts';

/** As it was built: it starts processes of its own from there. */
const BENCH = 'bench/dist/bench.js';

describe('the smallest run', () => {
  let folder: string;
  let report: Report;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sse-trigger-bench-'));
    await run(process.execPath, BENCH, '--smallest', '--results', folder);
    report = JSON.parse(await readFile(join(folder, 'smallest.json'), 'utf8'));
  }, 120_000);

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
    const result = resultOf(figure, measurements);
    expect(result).toMatchObject({ median: 0.5, least: 0.25, most: 0.75, outcome: 'reached' });
    expect(resultOf({ ...figure, exact: true }, measurements).outcome).toBe('missed');
    expect(resultOf({ ...figure, goal: { atLeast: 0.6 } }, measurements).outcome).toBe('missed');
  });

  it('is not made of rounds in which something is missing or void', () => {
    const measurements = [
      measured(0, 'sse-trigger', 10),
      ...[measured(1, 'sse-trigger', 30), { ...measured(1, 'bare-node', 40), void: 'the pusher lagged' }],
    ];
    expect(resultOf(figure, measurements).outcome).toBe('not measured');
  });

  it('compares numbers of streams', () => {
    const of = (streams: number, cpu: number) => ({ ...measured(0, 'sse-trigger', cpu), streams });
    const growth: Figure = {
      ...figure,
      per: { unit: 'stream', of: (streams) => streams },
      against: { share: 0.1, as: 'ratio' },
    };
    expect(resultOf(growth, [of(10, 5), of(100, 40)])).toMatchObject({ median: 0.8 });
  });
});

it('knows the middle and the tail', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect([0, 0.5, 0.99, 1].map((share) => quantile(hundred, share))).toEqual([1, 50, 99, 100]);
});

/** Rejects, with all that was printed, when it does not end with 0. */
function run(program: string, ...args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(program, args, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stdout}${stderr}`));
      else resolve();
    });
  });
}
