import type { ContestantName, ScenarioName } from './measurement.ts';
import type { ValueName } from './value.ts';

/** Where a number comes from. */
export interface Source {
  /** @defaultValue 'sse-trigger' */
  readonly contestant?: ContestantName;
  readonly variant?: string;
  readonly value: ValueName;
  /** At this share of the streams of the run. @defaultValue 1 */
  readonly share?: number;
  /** What the value is divided by, given the number of streams. */
  readonly per?: { readonly unit: string; readonly of: (streams: number) => number };
}

export type Goal = { readonly atMost: number } | { readonly atLeast: number } | { readonly exactly: number };

/** One thing to reach. Its result is made anew in each round, of that round's measurements only. */
export interface Figure extends Source {
  /** `'all'` adds up whatever any scenario, contestant and variant has of the value. */
  readonly scenario: ScenarioName | 'all';
  /**
   * What it is compared with, where that differs from what is compared; nothing when the value itself is the result.
   * A `ratio` is ours through theirs, `times fewer` is theirs through ours, a `difference` is ours less theirs.
   */
  readonly against?: Partial<Source> & { readonly as: 'ratio' | 'times fewer' | 'difference' };
  /** Without one it is for information. */
  readonly goal?: Goal;
  /** Has to hold in every round, on every machine and at every size: nothing of it is a matter of speed. */
  readonly exact?: true;
}

const stream = { unit: 'stream', of: (streams: number) => streams };
const batch = { unit: 'started thousand keys', of: (streams: number) => Math.ceil(streams / 1000) };

/** Up to which a ratio of CPU or memory at two sizes, from the same run, may be noise. */
const NOISE = 1.1;

/** What the bench is to show, row by row as README.md has it. */
export const figures: readonly Figure[] = [
  { scenario: 'all', value: 'missed', goal: { exactly: 0 }, exact: true },

  {
    scenario: 'idle',
    variant: 'heartbeats on',
    value: 'redisCommandsPerSecond',
    against: { contestant: 'literal-port', as: 'times fewer' },
    goal: { atLeast: 500 },
  },
  {
    scenario: 'idle',
    variant: 'heartbeats off',
    value: 'cpuPercent',
    against: { contestant: 'literal-port', as: 'ratio' },
    goal: { atMost: 1 / 10 },
  },
  {
    scenario: 'idle',
    variant: 'heartbeats on',
    value: 'cpuPercent',
    against: { contestant: 'literal-port', as: 'ratio' },
    goal: { atMost: 1 / 5 },
  },
  {
    scenario: 'idle',
    variant: 'heartbeats on',
    value: 'cpuPercent',
    against: { contestant: 'bare-node', variant: 'doing nothing', as: 'difference' },
    goal: { atMost: 3.5 },
  },

  {
    scenario: 'memory',
    variant: 'one key',
    value: 'heapPerStreamBytes',
    against: { contestant: 'bare-express', variant: '', as: 'ratio' },
    goal: { atMost: 1.08 },
  },
  {
    scenario: 'memory',
    variant: 'one key',
    value: 'rssPerStreamBytes',
    against: { contestant: 'bare-express', variant: '', as: 'ratio' },
    goal: { atMost: 1.08 },
  },
  {
    scenario: 'memory',
    variant: 'a key each',
    value: 'heapPerStreamBytes',
    against: { contestant: 'bare-express', variant: '', as: 'ratio' },
    goal: { atMost: 1.15 },
  },
  {
    scenario: 'memory',
    variant: 'a key each',
    value: 'rssPerStreamBytes',
    against: { contestant: 'bare-express', variant: '', as: 'ratio' },
    goal: { atMost: 1.15 },
  },
  // What of that is not the head, which Node keeps as text for as long as the stream is open.
  {
    scenario: 'memory',
    variant: 'one key',
    value: 'heapPerStreamBytes',
    against: { contestant: 'bare-express', variant: 'the same head', as: 'ratio' },
    goal: { atMost: 1.08 },
  },
  {
    scenario: 'memory',
    variant: 'a key each',
    value: 'heapPerStreamBytes',
    against: { contestant: 'bare-express', variant: 'the same head', as: 'ratio' },
    goal: { atMost: 1.15 },
  },
  {
    scenario: 'memory',
    variant: 'one key',
    value: 'heapPerStreamBytes',
    against: { contestant: 'better-sse', variant: '', as: 'ratio' },
    goal: { atMost: 0.65 },
  },

  {
    scenario: 'fan-out',
    variant: '100 B',
    value: 'cpuMicrosPerFrame',
    against: { contestant: 'bare-node', as: 'ratio' },
    goal: { atMost: 0.62 },
  },
  {
    scenario: 'fan-out',
    variant: '100 B',
    value: 'cpuMicrosPerFrame',
    against: { contestant: 'better-sse', as: 'ratio' },
    goal: { atMost: 0.5 },
  },
  {
    scenario: 'fan-out',
    variant: '20 KB',
    value: 'cpuMicrosPerFrame',
    against: { contestant: 'bare-node', as: 'ratio' },
    goal: { atMost: 0.62 },
  },
  {
    scenario: 'fan-out',
    variant: '20 KB',
    value: 'cpuMicrosPerFrame',
    against: { contestant: 'better-sse', as: 'ratio' },
    goal: { atMost: 0.17 },
  },

  // For information: what goes into system calls is the kernel's.
  ...['100 B', '20 KB'].map(
    (variant): Figure => ({
      scenario: 'fan-out',
      variant,
      value: 'cpuUserMicrosPerFrame',
      against: { contestant: 'bare-node', as: 'ratio' },
    }),
  ),

  {
    scenario: 'latency',
    variant: 'wake',
    value: 'latencyP50Ms',
    against: { contestant: 'socket.io', variant: '', as: 'ratio' },
    goal: { atMost: 1 },
  },
  {
    scenario: 'latency',
    variant: 'wake',
    value: 'latencyP99Ms',
    against: { contestant: 'socket.io', variant: '', as: 'ratio' },
    goal: { atMost: 1 },
  },
  { scenario: 'latency', variant: 'wake', value: 'latencyP50Ms', goal: { atMost: 2 } },
  { scenario: 'latency', variant: 'wake', value: 'latencyP99Ms', goal: { atMost: 10 } },
  { scenario: 'latency', variant: 'poll', value: 'excessP99Ms', goal: { atMost: 15 } },

  {
    scenario: 'burst',
    variant: 'single changes',
    value: 'runsPerChangeMin',
    goal: { exactly: 1 },
    exact: true,
  },
  {
    scenario: 'burst',
    variant: 'single changes',
    value: 'runsPerChangeMax',
    goal: { exactly: 1 },
    exact: true,
  },
  { scenario: 'burst', variant: 'burst', value: 'runs', goal: { atMost: 3 }, exact: true },

  { scenario: 'reconnect', variant: 'nothing changed', value: 'runs', goal: { exactly: 0 }, exact: true },
  {
    scenario: 'reconnect',
    variant: 'nothing changed',
    value: 'openedMs',
    against: { contestant: 'bare-express', as: 'ratio' },
    goal: { atMost: 1.3 },
  },
  {
    scenario: 'reconnect',
    variant: 'everything changed',
    value: 'runsAtOnceMax',
    goal: { atMost: 32 },
    exact: true,
  },
  {
    scenario: 'reconnect',
    variant: 'everything changed',
    value: 'loopStallMaxMs',
    against: { contestant: 'bare-express', as: 'ratio' },
    goal: { atMost: 1.3 },
  },

  {
    scenario: 'stuck',
    variant: 'stuck clients',
    value: 'memoryGrowthBytes',
    against: { contestant: 'literal-port', as: 'ratio' },
    goal: { atMost: 1 / 50 },
  },
  {
    scenario: 'stuck',
    variant: 'stuck clients',
    value: 'memoryGrowthBytes',
    against: { contestant: 'better-sse', as: 'ratio' },
    goal: { atMost: 1 / 50 },
  },
  {
    scenario: 'stuck',
    variant: 'stuck clients, latency',
    value: 'latencyP99Ms',
    against: { variant: 'healthy clients only, latency', as: 'ratio' },
    goal: { atMost: 2 },
  },

  // A record that is forgotten takes some hundred bytes.
  { scenario: 'churn', value: 'heapGrowthPerConnectBytes', goal: { atMost: 50 } },
  { scenario: 'churn', value: 'streamsGrowth', goal: { atMost: 0 }, exact: true },
  { scenario: 'churn', value: 'keysGrowth', goal: { atMost: 0 }, exact: true },
  { scenario: 'churn', value: 'timersGrowth', goal: { atMost: 0 }, exact: true },
  { scenario: 'churn', value: 'subscriptionsGrowth', goal: { atMost: 0 }, exact: true },

  { scenario: 'processes', value: 'runsMissing', goal: { exactly: 0 }, exact: true },
  { scenario: 'processes', value: 'runsNeedless', goal: { exactly: 0 }, exact: true },

  // At most linear: a stream costs no more when there are more of them.
  ...[0.5, 1].flatMap((share): Figure[] => [
    {
      scenario: 'idle',
      variant: 'heartbeats off',
      value: 'cpuPercent',
      per: stream,
      share,
      against: { share: 0.1, as: 'ratio' },
      goal: { atMost: NOISE },
    },
    {
      scenario: 'idle',
      variant: 'heartbeats off',
      value: 'heapPerStreamBytes',
      share,
      against: { share: 0.1, as: 'ratio' },
      goal: { atMost: NOISE },
    },
  ]),
  {
    scenario: 'idle',
    variant: 'heartbeats off',
    value: 'readCommandsPerPoll',
    per: batch,
    goal: { atMost: 1 },
  },
];
