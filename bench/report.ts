import { type Figure, figures } from './figures.ts';
import { type Machine, thisMachine } from './machine.ts';
import type { Measurement, ScenarioName } from './measurement.ts';
import { type Result, resultOf } from './result.ts';
import type { Size } from './size.ts';

/** A whole run of the bench: what stands in results/<name>.json. */
export interface Report {
  /** When each scenario was measured. */
  readonly dates: Readonly<Partial<Record<ScenarioName, string>>>;
  readonly machine: Machine;
  readonly size: Size;
  /** Seconds that each scenario took, all rounds together. */
  readonly seconds: Readonly<Partial<Record<ScenarioName, number>>>;
  readonly results: readonly Result[];
  readonly measurements: readonly Measurement[];
  /** What stands against the run itself, whatever its figures: scenarios that failed or in which nothing counts. */
  readonly troubles: readonly string[];
}

export interface Run {
  readonly size: Size;
  /** Those that were to be run. */
  readonly scenarios: readonly ScenarioName[];
  readonly seconds: Report['seconds'];
  readonly measurements: readonly Measurement[];
  /** What those that threw have said. */
  readonly failures: readonly string[];
}

/** @param earlier whose scenarios stay, where the run has not measured them anew */
export function makeReport(run: Run, earlier?: Report): Report {
  const isKept = (name: ScenarioName) => !run.scenarios.includes(name);
  const kept = (Object.keys(earlier?.dates ?? {}) as ScenarioName[]).filter(isKept);
  const scenarios = [...kept, ...run.scenarios];
  const measurements = [
    ...(earlier?.measurements ?? []).filter(({ scenario }) => isKept(scenario)),
    ...run.measurements,
  ];
  const asked = (figure: Figure) => figure.scenario === 'all' || scenarios.includes(figure.scenario);
  const counts = (name: ScenarioName) =>
    measurements.some(({ scenario, void: reason }) => scenario === name && reason === undefined);
  const empty = scenarios.filter((name) => !counts(name));
  const today = new Date().toISOString().slice(0, 10);
  return {
    dates: { ...earlier?.dates, ...Object.fromEntries(run.scenarios.map((name) => [name, today])) },
    machine: thisMachine(),
    size: run.size,
    seconds: { ...earlier?.seconds, ...run.seconds },
    results: figures.filter(asked).map((figure) => resultOf(figure, measurements)),
    measurements,
    troubles: [
      ...(earlier?.troubles ?? []).filter((trouble) =>
        kept.some((name) => trouble.startsWith(`${name} failed`)),
      ),
      ...run.failures,
      ...empty.map((name) => `${name}: nothing was measured that counts`),
    ],
  };
}

/** Whether the run may be believed: it did all that it was asked for, and what does not depend on speed holds. */
export function holds({ results, troubles }: Report): boolean {
  return (
    troubles.length === 0 && results.every(({ figure, outcome }) => !figure.exact || outcome === 'reached')
  );
}
