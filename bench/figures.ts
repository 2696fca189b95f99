import type { ContestantName, ScenarioName } from './measurement.ts';
import { type ValueName, values } from './value.ts';

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

export type Goal =
  | { readonly atMost: number }
  | { readonly atLeast: number }
  | { readonly exactly: number }
  | { readonly from: number; readonly to: number };

/** One thing to reach. Its result is made anew in each round, of that round's measurements only. */
export interface Figure extends Source {
  /** `'all'` adds up whatever any scenario, contestant and variant has of the value. */
  readonly scenario: ScenarioName | 'all';
  /**
   * What it is compared with, where that differs from what is compared; nothing when the value itself is the result.
   * A `ratio` is ours through theirs, `times fewer` is theirs through ours, a `difference` is ours less theirs. What has not
   * grown at all is noise: its size through theirs, so that it has to be small beside what theirs has grown by.
   */
  readonly against?: Partial<Source> & { readonly as: 'ratio' | 'times fewer' | 'difference' };
  /** Without one it is for information. */
  readonly goal?: Goal;
  /** Has to hold in every round, on every machine and at every size: nothing of it is a matter of speed. */
  readonly exact?: true;
}

type Against = NonNullable<Figure['against']>;

const atMost = (limit: number): Goal => ({ atMost: limit });
const exactly = (number: number): Goal => ({ exactly: number });
const ratioTo = (contestant: ContestantName, variant?: string): Against => ({
  contestant,
  ...(variant !== undefined && { variant }),
  as: 'ratio',
});

/** Figures of sse-trigger in one scenario and variant. */
function of(scenario: ScenarioName, variant = '') {
  return (value: ValueName, goal?: Goal, against?: Against): Figure => ({
    scenario,
    variant,
    value,
    ...(goal && { goal }),
    ...(against && { against }),
  });
}

function exact(figure: Figure): Figure {
  return { ...figure, exact: true };
}

const stream = { unit: 'stream', of: (streams: number) => streams };
const batch = { unit: 'started thousand keys', of: (streams: number) => Math.ceil(streams / 1000) };

/** Up to which a ratio of CPU or memory at two sizes, from the same run, may be noise. */
const NOISE = 1.1;

/** Of more streams to fewer: a tenth has mostly fixed cost, so that half has to be compared as well. */
const GROWTHS = [
  { share: 0.5, from: 0.1 },
  { share: 1, from: 0.1 },
  { share: 1, from: 0.5 },
] as const;

/** Within which the wait for a poll has to be what it would be if saves and polls knew nothing of each other. */
const within = (share: number): Goal => ({ from: share - 0.1, to: share + 0.1 });

const quiet = of('idle', 'heartbeats off');
const beating = of('idle', 'heartbeats on');
const oneKey = of('memory', 'one key');
const keyEach = of('memory', 'a key each');
const small = of('fan-out', '100 B');
const large = of('fan-out', '20 KB');
const woken = of('latency', 'wake');
const polled = of('latency', 'poll');
const single = of('burst', 'single changes');
const unchanged = of('reconnect', 'nothing changed');
const changed = of('reconnect', 'everything changed');
const stuck = of('stuck', 'stuck clients');
const churn = of('churn');
const several = of('processes', 'four processes');
const alone = of('processes', 'one process');

/** What the bench is to show, row by row as README.md has it. */
export const figures: readonly Figure[] = [
  { scenario: 'all', value: 'missed', goal: exactly(0), exact: true },
  { scenario: 'all', value: 'lost', goal: exactly(0), exact: true },

  beating(
    'redisCommandsPerSecond',
    { atLeast: 500 },
    { contestant: 'literal-port', variant: 'heartbeats on', as: 'times fewer' },
  ),
  quiet('cpuPercent', atMost(1 / 10), ratioTo('literal-port')),
  beating('cpuPercent', atMost(1 / 5), ratioTo('literal-port')),
  beating('cpuPercent', atMost(3.5), {
    contestant: 'bare-node',
    variant: 'doing nothing',
    as: 'difference',
  }),
  beating('heartbeatShare', { from: 0.9, to: 1.1 }),

  oneKey('heapPerStreamBytes', atMost(1.08), ratioTo('bare-express', '')),
  oneKey('rssPerStreamBytes', atMost(1.08), ratioTo('bare-express', '')),
  keyEach('heapPerStreamBytes', atMost(1.15), ratioTo('bare-express', '')),
  keyEach('rssPerStreamBytes', atMost(1.15), ratioTo('bare-express', '')),
  // What of that is not the head, which Node keeps as text for as long as the stream is open.
  oneKey('heapPerStreamBytes', undefined, ratioTo('bare-express', 'the same head')),
  keyEach('heapPerStreamBytes', undefined, ratioTo('bare-express', 'the same head')),
  oneKey('heapPerStreamBytes', atMost(0.65), ratioTo('better-sse', '')),

  small('cpuMicrosPerFrame', atMost(0.62), ratioTo('bare-node')),
  small('cpuMicrosPerFrame', atMost(0.5), ratioTo('better-sse')),
  large('cpuMicrosPerFrame', atMost(0.62), ratioTo('bare-node')),
  large('cpuMicrosPerFrame', atMost(0.17), ratioTo('better-sse')),
  // What goes into system calls is the kernel's.
  small('cpuUserMicrosPerFrame', undefined, ratioTo('bare-node')),
  large('cpuUserMicrosPerFrame', undefined, ratioTo('bare-node')),
  small('loopStallMaxMs', undefined, ratioTo('bare-node')),
  large('loopStallMaxMs', undefined, ratioTo('bare-node')),

  woken('latencyP50Ms', atMost(1), ratioTo('socket.io', '')),
  woken('latencyP99Ms', atMost(1), ratioTo('socket.io', '')),
  woken('latencyP50Ms', atMost(2)),
  woken('latencyP99Ms', atMost(10)),
  polled('excessP99Ms', atMost(15)),
  polled('waitP10Polls', within(0.1)),
  polled('waitP50Polls', within(0.5)),
  polled('waitP90Polls', within(0.9)),
  polled('pushP99Ms'),

  exact(single('runsPerChangeMin', exactly(1))),
  exact(single('runsPerChangeMax', exactly(1))),
  exact(of('burst', 'burst')('runs', atMost(3))),

  exact(unchanged('runs', exactly(0))),
  of('reconnect', 'nothing changed, times')('openedMs', atMost(1.3), ratioTo('bare-express')),
  exact(changed('runsAtOnceMax', atMost(32))),
  of('reconnect', 'everything changed, times')('loopStallMaxMs', atMost(1.3), ratioTo('bare-express')),

  ...(['memoryGrowthBytes', 'rssGrowthBytes'] as const).flatMap((value) => [
    stuck(value, atMost(1 / 50), ratioTo('literal-port')),
    stuck(value, atMost(1 / 50), ratioTo('better-sse')),
  ]),
  of('stuck', 'stuck clients, latency')(
    'latencyP99Ms',
    atMost(2),
    ratioTo('sse-trigger', 'healthy clients only, latency'),
  ),

  // A key in a Set, the least that could be forgotten with a client, would be more after the 12,000 clients of a full run.
  churn('heapGrowthBytes', atMost(500_000)),
  churn('heapNoiseBytes'),
  exact(churn('streamsGrowth', atMost(0))),
  exact(churn('keysGrowth', atMost(0))),
  exact(churn('timersGrowth', atMost(0))),
  exact(churn('subscriptionsGrowth', atMost(0))),
  exact(churn('connectionsGrowth', atMost(0))),
  churn('redisKeysGrowth'),

  ...[several, alone].flatMap((processes) => [
    exact(processes('runsMissing', exactly(0))),
    exact(processes('runsNeedless', exactly(0))),
  ]),
  exact(several('runsAPush', exactly(1), ratioTo('sse-trigger', 'one process'))),

  // At most linear: a stream costs no more when there are more of them.
  ...GROWTHS.flatMap(({ share, from }) => {
    const growth = { share, against: { share: from, as: 'ratio' }, goal: atMost(NOISE) } as const;
    return [
      { ...quiet('cpuPercent'), ...growth, per: stream },
      { ...quiet('heapPerStreamBytes'), ...growth },
    ];
  }),
  ...[0.1, 0.5, 1].map((share) => ({ ...quiet('mgetsPerPoll', atMost(1)), share, per: batch })),
  { ...quiet('commandsPerPoll'), per: batch },
];

/** What it is a figure of, for people. */
export function describeFigure({ scenario, contestant, variant, value, share, per }: Figure): string {
  const where = [
    ...(scenario === 'all' ? ['all contestants'] : [contestant, variant]),
    share === undefined ? undefined : `${share * 100} % of the streams`,
  ];
  const unit = per === undefined ? '' : ` a ${per.unit}`;
  return [`${values[value].label}${unit}`, ...where].filter(Boolean).join(', ');
}
