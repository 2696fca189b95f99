import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { RESULTS, readArguments } from './arguments.ts';
import { contestants, isHere } from './contestants/index.ts';
import { foreignCpuSeconds } from './foreign-cpu.ts';
import { thisMachine } from './machine.ts';
import type { Measurement, Scenario, ScenarioName } from './measurement.ts';
import { requireOpenFiles } from './open-files.ts';
import { drawPlots } from './plots.ts';
import { startRedis } from './programs.ts';
import { updateReadme } from './readme.ts';
import { makeReport, type Report, refusalOf, type ScenarioRun, type Setup } from './report.ts';
import { thisRevision } from './revision.ts';
import { scenarios } from './scenarios/index.ts';
import { toMarkdown } from './table.ts';
import { formatNumber, formatValue, type ValueName, values } from './value.ts';

const { size, chosen, folder } = readArguments(process.argv.slice(2));
requireOpenFiles(size);
const setup: Setup = { revision: thisRevision(), machine: thisMachine(), size };
const file = join(folder, `${size.name}.json`);
const earlier = await readEarlier();

const measurements: Measurement[] = [];
const failures: { scenario: ScenarioName; message: string }[] = [];
const runs: Partial<Record<ScenarioName, ScenarioRun>> = {};
const leftOut = Object.values(contestants).filter(({ name }) => !isHere(name));
for (const { name, needs } of leftOut) console.log(`${name} is left out: there is no ${needs}`);
for (let round = 0; round < size.rounds; round++) {
  const waiting = chosen.values();
  const runAll = async () => {
    for (const scenario of waiting) await tryScenario(scenario, round);
  };
  await Promise.all(Array.from({ length: size.scenariosAtOnce }, runAll));
}

const report = makeReport(
  { ...setup, scenarios: runs, leftOut: leftOut.map(({ name }) => name), measurements, failures },
  earlier,
);
const markdown = toMarkdown(report);
await mkdir(folder, { recursive: true });
await writeFile(file, `${JSON.stringify(report, undefined, 1)}\n`);
console.log(`\n${markdown}\n\nWritten to ${folder}`);
if (report.troubles.length > 0) {
  console.error(report.troubles.join('\n'));
  process.exitCode = 1;
}
if (report.gaps.length > 0) {
  console.error('Not drawn and not put into README.md, since not all was measured: see above');
} else {
  for (const [name, svg] of await drawPlots(report.measurements)) {
    await writeFile(join(folder, `${size.name}-${name}.svg`), svg);
  }
  const isWhole = scenarios.every(({ name }) => name in report.scenarios);
  if (size.name === 'full' && isWhole && resolve(folder) === resolve(RESULTS)) await updateReadme(markdown);
}

/** The report in which scenarios are measured anew. Throws when those of this run may not stand in it. */
async function readEarlier(): Promise<Report | undefined> {
  const isPart = chosen.length < scenarios.length;
  if (size.name !== 'full' || !isPart || !existsSync(file)) return undefined;
  const report = JSON.parse(await readFile(file, 'utf8')) as Report;
  const refusal = refusalOf(report, setup);
  if (refusal === undefined) return report;
  throw new TypeError(
    `some scenarios alone cannot be put into ${file}: ${refusal}. Measure all of them, or write elsewhere with --results`,
  );
}

async function tryScenario(scenario: Scenario, round: number): Promise<void> {
  console.log(`round ${round + 1} of ${size.rounds}: ${scenario.name}`);
  const begun = { time: performance.now(), foreign: foreignCpuSeconds() };
  try {
    await runScenario(scenario, round);
  } catch (error) {
    console.error(error);
    const message = `${scenario.name} failed in round ${round + 1}: ${(error as Error).message}`;
    failures.push({ scenario: scenario.name, message });
  }
  const took = (performance.now() - begun.time) / 1000;
  const before = runs[scenario.name];
  runs[scenario.name] = {
    date: new Date().toISOString().slice(0, 10),
    seconds: (before?.seconds ?? 0) + took,
    foreignCpuSeconds: (before?.foreignCpuSeconds ?? 0) + foreignCpuSeconds() - begun.foreign,
  };
  console.log(`  ${scenario.name} took ${formatNumber(took)} s`);
}

async function runScenario(scenario: Scenario, round: number): Promise<void> {
  // A Redis of its own each time, so that nobody finds what another has left.
  await using redis = await startRedis();
  const redisUrl = `redis://127.0.0.1:${redis.port}`;
  for await (const measurement of scenario.run({ round, size, redisUrl })) {
    measurements.push(measurement);
    console.log(`  ${toLine(measurement)}`);
  }
}

function toLine({ contestant, variant, streams, values: measured, void: reason }: Measurement): string {
  const numbers = (Object.entries(measured) as [ValueName, number][]).map(
    ([name, value]) => `${values[name].label} ${formatValue(value, values[name].unit)}`,
  );
  const who = [contestant, variant].filter(Boolean).join(', ');
  return `${who}, ${streams}: ${numbers.join('; ')}${reason === undefined ? '' : ` (void: ${reason})`}`;
}
