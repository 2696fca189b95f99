import type { Figure, Goal, Source } from './figures.ts';
import type { Measurement } from './measurement.ts';
import { median } from './statistics.ts';
import type { ValueName } from './value.ts';

/** What became of one figure. */
export interface Result {
  readonly figure: Figure;
  /** One for each round in which everything that it takes was measured; others are no result, and none is made up. */
  readonly rounds: readonly Round[];
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /**
   * The median has to reach the goal, if there is one; of an exact figure, every round. Whatever it is, it was not measured
   * when most rounds have no result.
   */
  readonly outcome: 'reached' | 'missed' | 'for information' | 'not measured';
}

interface Round {
  readonly ours: number;
  /** Undefined when there is nothing to compare with. */
  readonly theirs: number | undefined;
  readonly result: number;
}

/** @param roundsWanted how many there were to be */
export function resultOf(figure: Figure, measurements: readonly Measurement[], roundsWanted: number): Result {
  const numbers = [...new Set(measurements.map(({ round }) => round))];
  const rounds = numbers
    .flatMap((number) => roundOf(figure, number, measurements) ?? [])
    .filter(({ result }) => Number.isFinite(result));
  const results = rounds.map(({ result }) => result);
  const middle = median(results);
  const judged = figure.exact ? results : [middle];
  return {
    figure,
    rounds,
    median: middle,
    least: Math.min(...results),
    most: Math.max(...results),
    outcome: rounds.length * 2 > roundsWanted ? outcomeOf(figure.goal, judged) : 'not measured',
  };
}

function outcomeOf(goal: Goal | undefined, results: readonly number[]): Result['outcome'] {
  if (goal === undefined) return 'for information';
  return results.every((result) => reaches(goal, result)) ? 'reached' : 'missed';
}

function roundOf(figure: Figure, round: number, measurements: readonly Measurement[]): Round | undefined {
  const { scenario, against } = figure;
  if (scenario === 'all') {
    const sum = sumOf(figure.value, round, measurements);
    return sum === undefined ? undefined : { ours: sum, theirs: undefined, result: sum };
  }
  const candidates = measurements.filter((measurement) => measurement.scenario === scenario);
  const ours = find(figure, round, candidates);
  if (ours === undefined) return undefined;
  if (against === undefined) return { ours, theirs: undefined, result: ours };
  const theirs = find({ ...figure, ...against }, round, candidates);
  if (theirs === undefined) return undefined;
  return { ours, theirs, result: compare(ours, theirs, against.as) };
}

/** NaN where there is nothing to divide by: what has not grown either is no measure for others. */
function compare(ours: number, theirs: number, as: NonNullable<Figure['against']>['as']): number {
  if (as === 'difference') return ours - theirs;
  if (as === 'times fewer') return theirs / ours;
  return theirs > 0 ? Math.abs(ours) / theirs : Number.NaN;
}

/** Of those that are void, too: no lag of the bench excuses a state that never came. */
function sumOf(value: ValueName, round: number, measurements: readonly Measurement[]): number | undefined {
  const found = measurements
    .filter((one) => one.round === round)
    .flatMap(({ values }) => values[value] ?? []);
  return found.length === 0 ? undefined : found.reduce((total, one) => total + one, 0);
}

/** Undefined when it was not measured. */
function find(
  { contestant = 'sse-trigger', variant = '', value, share = 1, per }: Source,
  round: number,
  candidates: readonly Measurement[],
): number | undefined {
  const streams = share * Math.max(...candidates.map((candidate) => candidate.streams));
  const found = candidates.find(
    (candidate) =>
      candidate.round === round &&
      candidate.contestant === contestant &&
      candidate.variant === variant &&
      Math.abs(candidate.streams - streams) < 1 &&
      candidate.void === undefined,
  );
  const measured = found?.values[value];
  return measured === undefined ? undefined : measured / (per?.of(found!.streams) ?? 1);
}

function reaches(goal: Goal, result: number): boolean {
  if ('atMost' in goal) return result <= goal.atMost;
  if ('atLeast' in goal) return result >= goal.atLeast;
  if ('from' in goal) return result >= goal.from && result <= goal.to;
  return result === goal.exactly;
}
