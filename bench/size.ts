/** How large a run of the bench is. */
export interface Size {
  /** 'other' is what arguments have changed. */
  readonly name: 'full' | 'quick' | 'smallest' | 'other';
  readonly rounds: number;
  /** More than one where nothing is judged that they could take from each other. */
  readonly scenariosAtOnce: number;
  /** Clients in most scenarios. */
  readonly streams: number;
  /** Whether servers are warmed up before they are measured. */
  readonly warmsUp: boolean;
  /** Milliseconds of lag of the bench, at the 99th percentile, up to which times count however short they are. */
  readonly lagLimit: number;
  /** Milliseconds between two looks, where a scenario does not need another. */
  readonly poll: number;
  /** Milliseconds between heartbeats where they are on; `idleSeconds` is a multiple. */
  readonly heartbeat: number;
  /**
   * After the collection that comes before a window: 8 to 20 s later V8 collects up to three more times, to give memory
   * back. Where nothing else happens, that would be most of what is measured; and RSS is only then what is held.
   */
  readonly settleSeconds: number;
  /** The window of idle, as long at every number of streams. */
  readonly idleSeconds: number;
  /** Of the streams, at which idle is run, too: 0.5, 0.1 or both. */
  readonly growthShares: readonly number[];
  /** Pushes a payload of 100 B, 2 KB and 20 KB; 0 leaves it out. */
  readonly fanOutPushes: { readonly small: number; readonly medium: number; readonly large: number };
  readonly pushesPerSecond: number;
  readonly latencySeconds: number;
  /** Single changes before the burst, each waited for. */
  readonly burstChanges: number;
  readonly burstPushes: number;
  /** Clients that read nothing; as many others are healthy. */
  readonly stuckStreams: number;
  readonly stuckSaves: number;
  /** Connects, and as many disconnects. */
  readonly churnPerSecond: number;
  readonly churnSeconds: number;
  readonly processesStreams: number;
  readonly processesSeconds: number;
}

export const sizes: Readonly<Record<Exclude<Size['name'], 'other'>, Size>> = {
  full: {
    name: 'full',
    rounds: 3,
    scenariosAtOnce: 1,
    streams: 10_000,
    warmsUp: true,
    lagLimit: 1,
    poll: 2000,
    heartbeat: 15_000,
    settleSeconds: 22,
    idleSeconds: 30,
    growthShares: [0.5, 0.1],
    fanOutPushes: { small: 20, medium: 5, large: 8 },
    pushesPerSecond: 500,
    latencySeconds: 10,
    burstChanges: 12,
    burstPushes: 1000,
    stuckStreams: 500,
    stuckSaves: 200,
    churnPerSecond: 300,
    churnSeconds: 60,
    processesStreams: 8000,
    processesSeconds: 6,
  },
  quick: {
    name: 'quick',
    rounds: 1,
    scenariosAtOnce: 1,
    streams: 1000,
    warmsUp: true,
    lagLimit: 1,
    poll: 500,
    heartbeat: 1500,
    settleSeconds: 0.5,
    idleSeconds: 3,
    growthShares: [0.1],
    fanOutPushes: { small: 5, medium: 3, large: 3 },
    pushesPerSecond: 200,
    latencySeconds: 3,
    burstChanges: 10,
    burstPushes: 1000,
    stuckStreams: 50,
    stuckSaves: 32,
    churnPerSecond: 100,
    churnSeconds: 4,
    processesStreams: 800,
    processesSeconds: 3,
  },
  /** That everything works: what the tests run. */
  smallest: {
    name: 'smallest',
    rounds: 1,
    scenariosAtOnce: 3,
    streams: 50,
    warmsUp: false,
    lagLimit: 1000, // speed is not what it is about
    poll: 100,
    heartbeat: 500,
    settleSeconds: 0.1,
    idleSeconds: 0.5,
    growthShares: [],
    fanOutPushes: { small: 2, medium: 0, large: 0 },
    pushesPerSecond: 50,
    latencySeconds: 0.5,
    burstChanges: 2,
    burstPushes: 100,
    stuckStreams: 5,
    stuckSaves: 4,
    churnPerSecond: 20,
    churnSeconds: 0.5,
    processesStreams: 40,
    processesSeconds: 0.5,
  },
};
