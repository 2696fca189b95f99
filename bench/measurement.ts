import type { Size } from './size.ts';
import type { ValueName } from './value.ts';

export type ScenarioName =
  | 'idle'
  | 'memory'
  | 'fan-out'
  | 'latency'
  | 'burst'
  | 'reconnect'
  | 'stuck'
  | 'churn'
  | 'processes';

export type ContestantName =
  | 'sse-trigger'
  | 'literal-port'
  | 'bare-node'
  | 'bare-express'
  | 'better-sse'
  | 'express-sse'
  | 'socket.io'
  | 'nchan';

/** Lists of numbers for the plots; those of one measurement that belong together have one length. */
export type SeriesName =
  | 'latencyMs' // at QUANTILES
  | 'seconds'
  | 'memoryBytes'; // at `seconds`, above the start

/** What one contestant did in one round of one scenario. */
export interface Measurement {
  readonly scenario: ScenarioName;
  readonly contestant: ContestantName;
  /** What else tells it from others of the scenario and contestant, such as 'heartbeats on' or '20 KB'; '' when nothing does. */
  readonly variant: string;
  readonly round: number;
  readonly streams: number;
  readonly values: Readonly<Partial<Record<ValueName, number>>>;
  readonly series?: Readonly<Partial<Record<SeriesName, readonly number[]>>>;
  /** Why it does not count, such as that the generator lagged. */
  readonly void?: string;
}

export interface Scenario {
  readonly name: ScenarioName;
  /** Measures every contestant once, one after another; `inTurn` says in which order. */
  run(context: BenchContext): AsyncIterable<Measurement>;
}

export interface BenchContext {
  /** From 0. */
  readonly round: number;
  readonly size: Size;
  readonly redisUrl: string;
}

/** How often what is void is measured anew within its round. */
const REPEATS = 3;

/** Measures until it counts. Gives every attempt, since a state that never came counts even where times do not. */
export async function* untilValid<T extends { readonly void?: string }>(
  measure: () => Promise<T>,
): AsyncGenerator<T> {
  for (let repeat = 0; repeat <= REPEATS; repeat++) {
    const measured = await measure();
    yield measured;
    if (measured.void === undefined) return;
  }
}

/**
 * Every second round goes backwards, and every two rounds another begins: nobody always has the machine in the same state,
 * nor always the same one before.
 */
export function inTurn<T>(round: number, items: readonly T[]): T[] {
  const ordered = round % 2 === 0 ? items : items.toReversed();
  const first = (round >> 1) % items.length;
  return [...ordered.slice(first), ...ordered.slice(0, first)];
}
