import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { contestants, isHere } from './contestants/index.ts';
import type { Measurement, Scenario, ScenarioName } from './measurement.ts';
import { drawPlots } from './plots.ts';
import { startRedis } from './programs.ts';
import { updateReadme } from './readme.ts';
import { holds, makeReport, type Report } from './report.ts';
import { scenarios } from './scenarios/index.ts';
import { type Size, sizes } from './size.ts';
import { toMarkdown } from './table.ts';
import { formatNumber, formatValue, type ValueName, values } from './value.ts';

const { size, chosen, folder } = readArguments();
const measurements: Measurement[] = [];
const failures: string[] = [];
const seconds: Partial<Record<ScenarioName, number>> = {};

for (const { name, needs } of Object.values(contestants).filter(({ name }) => !isHere(name))) {
  console.log(`${name} is left out: there is no ${needs}`);
}
for (let round = 0; round < size.rounds; round++) {
  const waiting = chosen.values();
  const runAll = async () => {
    for (const scenario of waiting) await tryScenario(scenario, round);
  };
  await Promise.all(Array.from({ length: size.scenariosAtOnce }, runAll));
}

const file = join(folder, `${size.name}.json`);
const report = makeReport(
  { size, seconds, measurements, scenarios: chosen.map(({ name }) => name), failures },
  size.name === 'full' && existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as Report) : undefined,
);
const plots = await drawPlots(report.measurements);
const markdown = toMarkdown(report);
await mkdir(folder, { recursive: true });
await writeFile(file, `${JSON.stringify(report, undefined, 1)}\n`);
for (const [name, svg] of plots) await writeFile(join(folder, `${size.name}-${name}.svg`), svg);
console.log(`\n${markdown}\n\nWritten to ${folder}`);
if (size.name === 'full') await updateReadme(markdown);
if (!holds(report)) process.exitCode = 1;

async function tryScenario(scenario: Scenario, round: number): Promise<void> {
  console.log(`round ${round + 1} of ${size.rounds}: ${scenario.name}`);
  const begun = performance.now();
  try {
    await runScenario(scenario, round);
  } catch (error) {
    console.error(error);
    failures.push(`${scenario.name} failed in round ${round + 1}: ${(error as Error).message}`);
  }
  const took = (performance.now() - begun) / 1000;
  seconds[scenario.name] = (seconds[scenario.name] ?? 0) + took;
  console.log(`  ${scenario.name} took ${formatNumber(took)} s`);
}

async function runScenario(scenario: Scenario, round: number): Promise<void> {
  // A Redis of its own each time, so that nobody finds what another has left.
  await using redis = await startRedis();
  const redisUrl = `redis://127.0.0.1:${redis.port}`;
  const log = (line: string) => console.log(`  ${line}`);
  for await (const measurement of scenario.run({ round, size, redisUrl, log })) {
    measurements.push(measurement);
    log(toLine(measurement));
  }
}

function toLine({ contestant, variant, streams, values: measured, void: reason }: Measurement): string {
  const numbers = (Object.entries(measured) as [ValueName, number][]).map(
    ([name, value]) => `${values[name].label} ${formatValue(value, values[name].unit)}`,
  );
  const who = [contestant, variant].filter(Boolean).join(', ');
  return `${who}, ${streams}: ${numbers.join('; ')}${reason === undefined ? '' : ` (void: ${reason})`}`;
}

function readArguments(): { size: Size; chosen: readonly Scenario[]; folder: string } {
  const { values: given } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      smallest: { type: 'boolean', default: false },
      only: { type: 'string' },
      rounds: { type: 'string' },
      streams: { type: 'string' },
      results: { type: 'string', default: fileURLToPath(new URL('../results', import.meta.url)) },
    },
  });
  const names = given.only?.split(',');
  const unknown = names?.filter((name) => !scenarios.some((scenario) => scenario.name === name)) ?? [];
  if (unknown.length > 0) {
    const known = scenarios.map(({ name }) => name).join(', ');
    throw new TypeError(`--only takes some of ${known}; not ${unknown.join(', ')}`);
  }
  const size = sizes[given.smallest ? 'smallest' : given.quick ? 'quick' : 'full'];
  const { rounds = size.rounds, streams = size.streams } = {
    ...(given.rounds && { rounds: Number(given.rounds) }),
    ...(given.streams && { streams: Number(given.streams) }),
  };
  // What differs from a size is not kept as a run of that size; some scenarios of a full run may be measured anew.
  const isPart = names !== undefined && size.name !== 'full';
  const differs = isPart || rounds !== size.rounds || streams !== size.streams;
  return {
    size: { ...size, rounds, streams, ...(differs && { name: 'other' }) },
    chosen: scenarios.filter(({ name }) => names?.includes(name) ?? true),
    folder: given.results,
  };
}
