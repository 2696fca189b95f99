import { isDeepStrictEqual } from 'node:util';
import { describeFigure, type Figure, figures } from './figures.ts';
import type { Machine } from './machine.ts';
import type { ContestantName, Measurement, ScenarioName } from './measurement.ts';
import { type Result, resultOf } from './result.ts';
import type { Revision } from './revision.ts';
import type { Size } from './size.ts';

/** Of what a run was made, and on what. Only what is alike in all of it may stand in one report. */
export interface Setup {
  readonly revision: Revision | undefined;
  readonly machine: Machine;
  readonly size: Size;
}

/** How one scenario was run, all rounds together. */
export interface ScenarioRun {
  /** The day. */
  readonly date: string;
  readonly seconds: number;
  /** See foreign-cpu.ts. */
  readonly foreignCpuSeconds: number;
}

/** A whole run of the bench: what stands in results/<name>.json. */
export interface Report extends Setup {
  readonly scenarios: Readonly<Partial<Record<ScenarioName, ScenarioRun>>>;
  /** Contestants that are not installed. */
  readonly leftOut: readonly ContestantName[];
  readonly results: readonly Result[];
  readonly measurements: readonly Measurement[];
  /** What scenarios that threw have said. */
  readonly failures: readonly { readonly scenario: ScenarioName; readonly message: string }[];
  /** What the run was asked for and did not do. */
  readonly gaps: readonly string[];
  /** What stands against the run: its gaps, and what does not hold although it does not depend on speed. */
  readonly troubles: readonly string[];
}

export type Run = Omit<Report, 'results' | 'gaps' | 'troubles'>;

/**
 * Why scenarios that are measured now may not stand beside those of an earlier report; undefined when they may.
 *
 * @param earlier as it was read from a file, perhaps of another form
 */
export function refusalOf(earlier: Partial<Setup>, now: Setup): string | undefined {
  const { revision } = now;
  if (revision === undefined || revision.dirty) return 'there are changes that are not committed';
  const { hash = 'an unknown revision', dirty = false, measured } = earlier.revision ?? {};
  if (dirty || measured !== revision.measured) {
    return `it was measured at ${hash}${dirty ? ' with changes' : ''}, and at ${revision.hash} what is measured differs`;
  }
  if (!isDeepStrictEqual(earlier.machine, now.machine))
    return 'it was measured on another machine or versions';
  if (!isDeepStrictEqual(earlier.size, now.size)) return 'it was measured with another size';
  return undefined;
}

/** @param earlier whose scenarios stay, where the run has not measured them anew */
export function makeReport(run: Run, earlier?: Report): Report {
  const isKept = ({ scenario }: { scenario: ScenarioName }) => !(scenario in run.scenarios);
  const scenarios = { ...earlier?.scenarios, ...run.scenarios };
  const measurements = [...(earlier?.measurements ?? []).filter(isKept), ...run.measurements];
  const failures = [...(earlier?.failures ?? []).filter(isKept), ...run.failures];
  const asked = (figure: Figure) => figure.scenario === 'all' || figure.scenario in scenarios;
  const results = figures.filter(asked).map((figure) => resultOf(figure, measurements, run.size.rounds));
  const counting = new Set(
    measurements.filter((one) => one.void === undefined).map(({ scenario }) => scenario),
  );
  const empty = Object.keys(scenarios).filter((name) => !counting.has(name as ScenarioName));
  const gaps = [
    ...failures.map(({ message }) => message),
    ...empty.map((name) => `${name}: nothing was measured that counts`),
    ...results
      .filter(
        ({ figure, outcome }) => outcome === 'not measured' && (run.size.name === 'full' || figure.exact),
      )
      .map(({ figure }) => `${nameOf(figure)} was not measured in most rounds`),
  ];
  const broken = results
    .filter(({ figure, outcome }) => outcome === 'missed' && figure.exact)
    .map(({ figure }) => `${nameOf(figure)} does not hold`);
  return { ...run, scenarios, measurements, failures, results, gaps, troubles: [...gaps, ...broken] };
}

function nameOf(figure: Figure): string {
  return `${figure.scenario}: ${describeFigure(figure)}`;
}
