/** What can be measured. A name means the same in every scenario, and ends with its unit where it has one. */
export const values = {
  // Server process, over the window of the measurement
  cpuPercent: { label: 'CPU of one core', unit: 'percent' },
  cpuMicrosPerFrame: { label: 'CPU a delivered frame', unit: 'microseconds' },
  cpuUserMicrosPerFrame: { label: 'user CPU a delivered frame', unit: 'microseconds' },
  // After gc, above the same server without streams
  heapPerStreamBytes: { label: 'heap a stream', unit: 'bytes' },
  rssPerStreamBytes: { label: 'RSS a stream', unit: 'bytes' },
  loopStallMaxMs: { label: 'longest event loop stall', unit: 'milliseconds' },

  // Redis, without the bench's own commands
  redisCommandsPerSecond: { label: 'Redis commands a second', unit: 'count' },
  mgetsPerPoll: { label: 'read commands (MGET) in one look at all keys', unit: 'count' },
  commandsPerPoll: { label: 'commands of whatever kind (MGET, INFO) in one look at all keys', unit: 'count' },

  // Clients. A latency is from the intended time of a save until the client shows it or a later one. By polling it is the
  // push, up to its acknowledgement; then the wait, until the first read after that begins; and then the excess.
  latencyP50Ms: { label: 'latency p50', unit: 'milliseconds' },
  latencyP99Ms: { label: 'latency p99', unit: 'milliseconds' },
  pushP99Ms: { label: 'push p99', unit: 'milliseconds' },
  waitP10Polls: { label: 'wait p10 in polls', unit: 'count' },
  waitP50Polls: { label: 'wait p50 in polls', unit: 'count' },
  waitP90Polls: { label: 'wait p90 in polls', unit: 'count' },
  excessP50Ms: { label: 'excess over the poll p50', unit: 'milliseconds' },
  excessP99Ms: { label: 'excess over the poll p99', unit: 'milliseconds' },
  lastClientMedianMs: { label: 'last client has it, median', unit: 'milliseconds' },
  lastClientMaxMs: { label: 'last client has it, longest', unit: 'milliseconds' },
  openedMs: { label: 'all clients open', unit: 'milliseconds' },
  shownMs: { label: 'all clients show the newest row', unit: 'milliseconds' },
  received: { label: 'frames received', unit: 'count' },
  pushes: { label: 'pushes', unit: 'count' },
  runsAPush: { label: 'callback runs a push and process that shows it', unit: 'count' },
  connects: { label: 'connects', unit: 'count' },
  lost: { label: 'connections lost', unit: 'count' },
  heartbeatShare: { label: 'heartbeats received through those expected', unit: 'count' },
  missed: { label: 'clients without the last row', unit: 'count' },

  // Callback of sse-trigger
  runs: { label: 'callback runs', unit: 'count' },
  runsPerChangeMin: { label: 'fewest runs a change', unit: 'count' },
  runsPerChangeMax: { label: 'most runs a change', unit: 'count' },
  runsAtOnceMax: { label: 'most runs at once', unit: 'count' },
  runsMissing: { label: 'runs that a process owed its streams and did not do', unit: 'count' },
  runsNeedless: { label: 'runs in processes without a stream of the key, or done twice', unit: 'count' },

  // At the end, less at the beginning
  memoryGrowthBytes: { label: 'growth of heap and buffers after gc', unit: 'bytes' },
  rssGrowthBytes: { label: 'growth of RSS', unit: 'bytes' },
  heapGrowthBytes: { label: 'growth of heap after gc', unit: 'bytes' },
  heapNoiseBytes: { label: 'the same in 5 s without churn', unit: 'bytes' },
  keysGrowth: { label: 'growth of watched keys', unit: 'count' },
  streamsGrowth: { label: 'growth of open streams', unit: 'count' },
  timersGrowth: { label: 'growth of timers', unit: 'count' },
  subscriptionsGrowth: { label: 'growth of Redis subscriptions', unit: 'count' },
  connectionsGrowth: { label: 'growth of Redis connections', unit: 'count' },
  redisKeysGrowth: { label: 'growth of keys in Redis, until they expire', unit: 'count' },

  // The bench itself
  burstMs: { label: 'time in which all was pushed', unit: 'milliseconds' },
  pusherLagP99Ms: { label: "pusher's lag p99", unit: 'milliseconds' }, // actual less intended time of a save
  generatorCpuPercent: { label: "generator's CPU of one core", unit: 'percent' },
  generatorLagP99Ms: { label: "generator's event loop delay p99", unit: 'milliseconds' },
} as const satisfies Record<string, { label: string; unit: Unit }>;

export type ValueName = keyof typeof values;

export type Unit = 'percent' | 'microseconds' | 'milliseconds' | 'bytes' | 'count';

/** A value as people read it: three digits and the unit. */
export function formatValue(value: number, unit: Unit): string {
  switch (unit) {
    case 'percent':
      return `${formatNumber(value)} %`;
    case 'microseconds':
      return `${formatNumber(value)} µs`;
    case 'milliseconds':
      return Math.abs(value) < 10_000 ? `${formatNumber(value)} ms` : `${formatNumber(value / 1000)} s`;
    case 'bytes':
      if (Math.abs(value) < 1000) return `${formatNumber(value)} B`;
      if (Math.abs(value) < 1e6) return `${formatNumber(value / 1000)} KB`;
      return `${formatNumber(value / 1e6)} MB`;
    case 'count':
      return formatNumber(value);
  }
}

/** Three digits, with more of them only where they stand before the point. */
export function formatNumber(value: number): string {
  const digits = Math.abs(value) >= 1000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 };
  return value.toLocaleString('en', digits);
}
