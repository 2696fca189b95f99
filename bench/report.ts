import { type Figure, figures } from './figures.ts';
import { type Machine, thisMachine } from './machine.ts';
import type { Measurement, ScenarioName } from './measurement.ts';
import { type Result, resultOf } from './result.ts';
import type { Size } from './size.ts';

/** A whole run of the bench: what stands in results/<name>.json. */
export interface Report {
  readonly date: string;
  readonly machine: Machine;
  readonly size: Size;
  /** Seconds that each scenario took, all rounds together. */
  readonly seconds: Readonly<Partial<Record<ScenarioName, number>>>;
  readonly results: readonly Result[];
  readonly measurements: readonly Measurement[];
  /** What stands against the run itself, whatever its figures: scenarios that failed or in which nothing counts. */
  readonly troubles: readonly string[];
}

export function makeReport({
  scenarios,
  failures,
  ...run
}: Pick<Report, 'size' | 'seconds' | 'measurements'> & {
  /** Those that were to be run. */
  readonly scenarios: readonly ScenarioName[];
  /** What those that threw have said. */
  readonly failures: readonly string[];
}): Report {
  const asked = (figure: Figure) => figure.scenario === 'all' || scenarios.includes(figure.scenario);
  const results = figures.filter(asked).map((figure) => resultOf(figure, run.measurements));
  const empty = scenarios.filter(
    (name) =>
      !run.measurements.some(({ scenario, void: reason }) => scenario === name && reason === undefined),
  );
  const troubles = [...failures, ...empty.map((name) => `${name}: nothing was measured that counts`)];
  return { date: new Date().toISOString(), machine: thisMachine(), results, troubles, ...run };
}

/** Whether the run may be believed: it did all that it was asked for, and what does not depend on speed holds. */
export function holds({ results, troubles }: Report): boolean {
  return (
    troubles.length === 0 && results.every(({ figure, outcome }) => !figure.exact || outcome === 'reached')
  );
}
