import type { Figure, Goal } from './figures.ts';
import { describeMachine } from './machine.ts';
import type { Measurement } from './measurement.ts';
import type { Report } from './report.ts';
import type { Result } from './result.ts';
import { median } from './statistics.ts';
import { formatNumber, formatValue, type ValueName, values } from './value.ts';

/** The run in Markdown: what it was, ratios with their goals and absolute numbers beside, then all absolute numbers. */
export function toMarkdown(report: Report): string {
  const { dates, size, machine, results, measurements, troubles } = report;
  const full = size.name === 'full';
  const voids = measurements.filter((measurement) => measurement.void !== undefined).length;
  return [
    `${daysOf(dates)}, ${size.name} run: ${size.rounds} rounds with ${formatNumber(size.streams)} streams. ${describeMachine(machine)}.`,
    `Median of the rounds, and in brackets the least and the most. ${voids} of ${measurements.length} measurements were void.`,
    ...(full ? [] : ['Goals are for the full size, so only those that are exact are judged here.']),
    ...troubles.map((trouble) => `**${trouble}**`),
    table(
      ['scenario', 'figure', 'against', 'goal', 'result', '', 'sse-trigger', 'the other'],
      results.map((result) => figureRow(result, full)),
    ),
    '### Absolute numbers',
    table(['scenario', 'contestant', 'streams', 'median of the rounds'], absoluteRows(measurements)),
  ].join('\n\n');
}

/** One day, or each with what was measured then. */
function daysOf(dates: Report['dates']): string {
  const entries = Object.entries(dates);
  const days = [...new Set(Object.values(dates))].sort();
  if (days.length <= 1) return days.join();
  const measuredOn = (day: string) => entries.filter((entry) => entry[1] === day).map(([name]) => name);
  return days.map((day) => `${day} (${measuredOn(day).join(', ')})`).join(', ');
}

const MARKS: Readonly<Partial<Record<Result['outcome'], string>>> = { reached: '✓', missed: '✗' };

function figureRow({ figure, outcome, rounds, ...result }: Result, full: boolean): string[] {
  const { unit } = values[figure.value];
  const form = (value: number) => {
    if (figure.against === undefined || figure.against.as === 'difference') return formatValue(value, unit);
    return formatNumber(value);
  };
  const spread = rounds.length > 1 ? ` (${form(result.least)} … ${form(result.most)})` : '';
  const theirs = rounds.flatMap((round) => round.theirs ?? []);
  const judged = full || figure.exact;
  return [
    figure.scenario,
    whatOf(figure),
    againstOf(figure),
    goalOf(figure.goal, form),
    outcome === 'not measured' ? outcome : `${form(result.median)}${spread}`,
    judged ? (MARKS[outcome] ?? '') : '',
    figure.against && rounds.length > 0 ? formatValue(median(rounds.map(({ ours }) => ours)), unit) : '',
    theirs.length > 0 ? formatValue(median(theirs), unit) : '',
  ];
}

function whatOf({ scenario, contestant, variant, value, share, per }: Figure): string {
  const where = [
    ...(scenario === 'all' ? ['all contestants'] : [contestant, variant]),
    share === undefined ? undefined : `${share * 100} % of the streams`,
  ];
  const unit = per === undefined ? '' : ` a ${per.unit}`;
  return [`${values[value].label}${unit}`, ...where].filter(Boolean).join(', ');
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
  return form(goal.exactly);
}

/** A row for measurements that differ in nothing but the round. */
function absoluteRows(measurements: readonly Measurement[]): string[][] {
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
    return [scenario, who, formatNumber(streams), medians.join('; ')];
  });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
