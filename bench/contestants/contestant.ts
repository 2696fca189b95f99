import type { ContestantName } from '../measurement.ts';
import type { Rows } from '../rows.ts';
import type { Usage } from '../usage.ts';

/**
 * One way to keep clients up to date. All contestants serve the same: a client asks for `/stream?key=<key>` (over
 * Socket.IO in `auth`) and is shown the row of that key, now if `greet` is on, and whenever it was saved.
 */
export interface Contestant {
  readonly name: ContestantName;
  readonly protocol: Protocol;
  /** A file without which it cannot be run, and is left out. */
  readonly needs?: string;
  /** Called once, in a process of its own. */
  serve(settings: Settings, rows: Rows): Promise<Server>;
  /** Called in the process that saves rows. `port` is where the contestant serves. */
  publisher(settings: Settings, port: number): Publisher | Promise<Publisher>;
}

export type Protocol = 'event-stream' | 'socket.io';

export interface Settings {
  readonly redisUrl: string;
  /** Where to serve; 0 is a free one. */
  readonly port: number;
  /** Milliseconds between two looks, for those that look. */
  readonly poll: number;
  /** Milliseconds; 0 means none, or practically none. */
  readonly heartbeat: number;
  /** Whether sse-trigger hears of pushes at once, or by its poll only. */
  readonly wake: boolean;
  /** Reads of rows at once, for those that limit them. */
  readonly maxRuns: number;
  /** Milliseconds that a read of a row takes beyond Redis. */
  readonly dataDelay: number;
  /** Whether a stream that opens is given its row; if not, first bytes without meaning. Who resumes streams decides itself. */
  readonly greet: boolean;
  /** Whether a bare stream has all the headers that sse-trigger sends, and not only those that it has to have. */
  readonly fullHead: boolean;
  /** The only key that will be asked for, where a contestant has a form for streams that show everybody the same. */
  readonly onlyKey?: string;
  /** Whether sse-trigger's reads of the store are noted with their time, and reads of rows by their key. */
  readonly noteReads: boolean;
}

export const defaults: Omit<Settings, 'redisUrl'> = {
  port: 0,
  poll: 2000,
  heartbeat: 0,
  wake: true,
  maxRuns: 32,
  dataDelay: 0,
  greet: true,
  fullHead: false,
  noteReads: false,
};

export interface Server {
  readonly port: number;
  /** What it uses, when it is not this process that serves. */
  readonly usage?: () => Promise<Usage>;
  /** Ends what serves, when it is not this process. */
  readonly end?: () => Promise<void>;
  /** What it counts, where it does. */
  readonly counts?: () => Counts;
  /** With `noteReads`: when each read of the store began, and of what keys. */
  readonly reads?: () => readonly StoreRead[];
}

export type Counts = Readonly<Record<'keys' | 'streams' | 'checks', number>>;

export interface StoreRead {
  /** As in now.ts. */
  readonly at: number;
  readonly keys: readonly string[];
}

/** What an application does after it has written a row. */
export interface Publisher {
  /** Resolves when it was taken over; with false when it was not. */
  publish(key: string, row: string): PromiseLike<unknown>;
}
