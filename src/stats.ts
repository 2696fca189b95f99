/** What a trigger has done since it was made. */
export interface Counters {
  /** Versions asked for, one a key and read. */
  checks: number;
  /** Calls of `data`. */
  runs: number;
  /** Calls of `data` that failed or took too long. */
  failures: number;
  /** Calls of `authorize`, or of `expiresAt` where that stands alone. */
  asks: number;
  /** Frames written to streams. */
  frames: number;
  /** Bytes written to streams, heartbeats and all. */
  bytes: number;
  heartbeats: number;
  /** Feeds of streams that came back with a position that still stood: nothing was run or sent for them. */
  resumed: number;
  /** Frames that a slow client never got because a newer one took their place. */
  conflated: number;
  /** Clients that were cut off because they took nothing for `writeTimeout`. */
  stuck: number;
  /** Requests that did not become a stream: refused, or told to come back later. */
  refused: number;
}

/** What a trigger has done since it was made, and what it holds now. */
export interface Stats extends Readonly<Counters> {
  /** Open streams. */
  readonly streams: number;
  /** Distinct keys that are watched. */
  readonly keys: number;
  /** Keys whose push the store did not take yet. */
  readonly unsent: number;
  /** Whether the last read of versions failed. */
  readonly storeDown: boolean;
}

export function newCounters(): Counters {
  return {
    checks: 0,
    runs: 0,
    failures: 0,
    asks: 0,
    frames: 0,
    bytes: 0,
    heartbeats: 0,
    resumed: 0,
    conflated: 0,
    stuck: 0,
    refused: 0,
  };
}
