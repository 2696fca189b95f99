import { Redis } from 'ioredis';
import { answer } from './child.ts';
import type { Counts, Server, Settings, StoreRead } from './contestants/contestant.ts';
import { loadContestant } from './contestants/load.ts';
import { type LoopDelay, watchLoop } from './loop-delay.ts';
import type { ContestantName } from './measurement.ts';
import { Rows } from './rows.ts';
import { countTimers } from './timer-count.ts';
import { ownUsage, type Usage } from './usage.ts';

/** The process in which a contestant serves: what it answers. */
export interface ServerCalls {
  /** Gives the port. */
  start(contestant: ContestantName, settings: Settings): Promise<number>;
  usage(options: { gc: boolean }): Promise<Usage>;
  /** Connections of this process, of whatever kind; 0 when another one serves. */
  sockets(): number;
  /** Reads of rows (with sse-trigger that is a run of `data`), and what else the contestant counts. */
  counts(): ServerCounts;
  /** Begins to measure the delay of this process's event loop. */
  watchLoop(): void;
  /** What it was since `watchLoop`; ends the measurement. Undefined when another process serves. */
  loopDelay(): LoopDelay | undefined;
  /** With `noteReads`: the reads of the store. */
  reads(): readonly StoreRead[];
  /** With `noteReads`: how often each row was read. */
  rowReadsByKey(): ReadonlyMap<string, number>;
  /** Timers that the process holds. Collects garbage. */
  timers(): number;
  /** Ends a program of somebody else's that serves instead of this process. */
  end(): Promise<void>;
}

export interface ServerCounts extends Partial<Counts> {
  readonly rowReads: number;
  readonly rowReadsAtOnceMax: number;
}

let rows: Rows;
let server: Server | undefined;
let endWatch: (() => LoopDelay) | undefined;

answer({
  async start(contestant, settings) {
    rows = new Rows(new Redis(settings.redisUrl), settings);
    server = await (await loadContestant(contestant)).serve(settings, rows);
    return server.port;
  },
  usage: async (options) => (await server?.usage?.()) ?? ownUsage(options),
  sockets: () =>
    server?.usage ? 0 : process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length,
  counts: () => ({
    rowReads: rows.reads,
    rowReadsAtOnceMax: rows.readsAtOnceMax,
    ...server?.counts?.(),
  }),
  watchLoop() {
    endWatch = watchLoop();
  },
  loopDelay: () => (server?.usage ? undefined : endWatch?.()),
  reads: () => server?.reads?.() ?? [],
  rowReadsByKey: () => rows.readsByKey,
  timers: countTimers,
  end: async () => server?.end?.(),
} satisfies ServerCalls);
