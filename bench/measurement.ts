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
  | 'excessMs' // at QUANTILES
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
  readonly log: (line: string) => void;
}

/** Who begins changes with each round, so that nobody always has the machine in the same state. */
export function inTurn<T>(round: number, items: readonly T[]): T[] {
  const first = round % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}
