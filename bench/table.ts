import { describeFigure, type Figure, type Goal } from './figures.ts';
import { describeMachine } from './machine.ts';
import type { Measurement } from './measurement.ts';
import type { Report } from './report.ts';
import type { Result } from './result.ts';
import type { Size } from './size.ts';
import { median } from './statistics.ts';
import { formatNumber, formatValue, type ValueName, values } from './value.ts';

/** The run in Markdown: what it was, ratios with their goals and absolute numbers beside, then all absolute numbers. */
export function toMarkdown(report: Report): string {
  const { size, machine, leftOut, results, measurements, troubles } = report;
  const full = size.name === 'full';
  const voids = measurements.filter((measurement) => measurement.void !== undefined).length;
  return [
    `${daysOf(report)}, ${describeRevision(report)}, ${size.name} run: ${size.rounds} rounds with ${formatNumber(size.streams)} streams. ${describeMachine(machine)}.`,
    `It took ${minutesOf(report)} minutes, in which other processes used ${foreignShareOf(report)}.`,
    `Median of the rounds, and in brackets the least and the most. ${voids} of ${measurements.length} measurements were void.`,
    ...(full ? [] : ['Goals are for the full size, so only those that are exact are judged here.']),
    ...(leftOut.length > 0 ? [`Left out, since not installed: ${leftOut.join(', ')}.`] : []),
    ...troubles.map((trouble) => `**${trouble}**`),
    table(
      ['scenario', 'figure', 'against', 'goal', 'result', '', 'sse-trigger', 'the other'],
      results.map((result) => figureRow(result, size)),
    ),
    '### Absolute numbers',
    table(['scenario', 'contestant', 'streams', 'median of the rounds'], absoluteRows(measurements, size)),
  ].join('\n\n');
}

/** One day, or each with what was measured then. */
function daysOf({ scenarios }: Report): string {
  const entries = Object.entries(scenarios);
  const days = [...new Set(entries.map(([, { date }]) => date))].sort();
  if (days.length <= 1) return days.join();
  const measuredOn = (day: string) => entries.filter(([, { date }]) => date === day).map(([name]) => name);
  return days.map((day) => `${day} (${measuredOn(day).join(', ')})`).join(', ');
}

function describeRevision({ revision }: Report): string {
  if (revision === undefined) return 'of an unknown revision';
  return `at ${revision.hash}${revision.dirty ? ' with changes that are not committed' : ''}`;
}

function minutesOf({ scenarios }: Report): string {
  const seconds = Object.values(scenarios).reduce((sum, run) => sum + run.seconds, 0);
  return formatNumber(Math.ceil(seconds / 60));
}

/** Of one core, in all and where it was the most. */
function foreignShareOf({ scenarios }: Report): string {
  const runs = Object.entries(scenarios).map(([name, { seconds, foreignCpuSeconds }]) => ({
    name,
    seconds,
    foreign: foreignCpuSeconds,
    share: (foreignCpuSeconds / seconds) * 100,
  }));
  const sum = (field: 'seconds' | 'foreign') => runs.reduce((total, run) => total + run[field], 0);
  const most = runs.reduce((one, other) => (other.share > one.share ? other : one));
  const form = (share: number) => formatValue(share, 'percent');
  return `${form((sum('foreign') / sum('seconds')) * 100)} of one core (${most.name}: ${form(most.share)})`;
}

const MARKS: Readonly<Partial<Record<Result['outcome'], string>>> = { reached: '✓', missed: '✗' };

function figureRow({ figure, outcome, rounds, ...result }: Result, size: Size): string[] {
  const { unit } = values[figure.value];
  const form = (value: number) => {
    if (figure.against === undefined || figure.against.as === 'difference') return formatValue(value, unit);
    return formatNumber(value);
  };
  const spread = rounds.length > 1 ? ` (${form(result.least)} … ${form(result.most)})` : '';
  const theirs = rounds.flatMap((round) => round.theirs ?? []);
  const ours = median(rounds.map((round) => round.ours));
  const noise = figure.against?.as === 'ratio' && ours <= 0 ? 'below noise: ' : '';
  const judged = size.name === 'full' || figure.exact;
  return [
    figure.scenario,
    describeFigure(figure),
    againstOf(figure),
    goalOf(figure.goal, form),
    outcome === 'not measured'
      ? outcome
      : `${noise}${form(result.median)}${spread}${fewerRounds(rounds, size)}`,
    judged ? (MARKS[outcome] ?? '') : '',
    figure.against && rounds.length > 0 ? formatValue(ours, unit) : '',
    theirs.length > 0 ? formatValue(median(theirs), unit) : '',
  ];
}

function againstOf({ against }: Figure): string {
  if (against === undefined) return '';
  const { contestant, variant, share, as } = against;
  const what = [contestant, variant, share === undefined ? undefined : `${share * 100} %`];
  return `${what.filter(Boolean).join(', ')} (${as})`;
}

function goalOf(goal: Goal | undefined, form: (value: number) => string): string {
  if (goal === undefined) return 'for information';
  if ('atMost' in goal) return `≤ ${form(goal.atMost)}`;
  if ('atLeast' in goal) return `≥ ${form(goal.atLeast)}`;
  if ('from' in goal) return `${form(goal.from)} … ${form(goal.to)}`;
  return form(goal.exactly);
}

/** How many rounds count, where not all do. */
function fewerRounds({ length }: readonly unknown[], { rounds }: Size): string {
  return length < rounds ? `, ${length} of ${rounds} rounds` : '';
}

/** A row for measurements that differ in nothing but the round. */
function absoluteRows(measurements: readonly Measurement[], size: Size): string[][] {
  const groups = new Map<string, Measurement[]>();
  for (const measurement of measurements.filter((one) => one.void === undefined)) {
    const { scenario, contestant, variant, streams } = measurement;
    const group = [scenario, contestant, variant, streams].join();
    groups.set(group, [...(groups.get(group) ?? []), measurement]);
  }
  return [...groups.values()].map((group) => {
    const { scenario, contestant, variant, streams } = group[0]!;
    const medians = (Object.keys(group[0]!.values) as ValueName[]).map((name) => {
      const value = median(group.flatMap((measurement) => measurement.values[name] ?? []));
      return `${values[name].label} ${formatValue(value, values[name].unit)}`;
    });
    const who = variant === '' ? contestant : `${contestant}, ${variant}`;
    return [scenario, who, formatNumber(streams), `${medians.join('; ')}${fewerRounds(group, size)}`];
  });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
