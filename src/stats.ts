import type { SseTriggerErrorCode } from './errors.ts';

/** Why a request did not become a stream. */
export type Refusal =
  /** It was no GET (405). */
  | 'method'
  /** It came from a page of a site that is not listed (403). */
  | 'origin'
  /** There was no subject or no viewer (401). */
  | 'nobody'
  /** `authorize` said no (403), by `false` and not by an error. */
  | 'permission'
  /** A callback threw an error with a `status` from 400 to 499: an answer of the application's own. */
  | 'answered'
  /** It waited behind another one on its connection. */
  | 'pipelined'
  /** The trigger drains. */
  | 'draining'
  /** `maxStreams` were open. */
  | 'full'
  /** A callback of the application threw anything else, or gave what is no subject, viewer or key. */
  | 'failed';

/** Why a stream has ended. */
export type CloseReason =
  /** The client has gone, or the connection to it. */
  | 'client'
  /** It took nothing for `writeTimeout`. */
  | 'stuck'
  /** It reached its `lifetime`. */
  | 'lifetime'
  /** Its viewer has opened more than `maxPerViewer`. */
  | 'replaced'
  /** `authorize` said no, or `expiresAt` has come. */
  | 'permission'
  /** The trigger drains. */
  | 'drain'
  /** The source of an `eventStream` came to its end. */
  | 'complete'
  /** Its source threw, or its response did. */
  | 'failed';

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
  /** Those of them that failed or took too long; a no by an error with a `status` is an answer. */
  askFailures: number;
  /** Frames written to streams. */
  frames: number;
  /** Bytes written to streams, heartbeats and all. */
  bytes: number;
  heartbeats: number;
  /** Feeds of streams that came back with a position that still stood: nothing was run or sent for them. */
  resumed: number;
  /** Frames that a slow client never got because a newer one took their place. */
  conflated: number;
  /** Requests that did not become a stream: refused, or told to come back later. */
  readonly refused: Record<Refusal, number>;
  /** Streams that have ended. */
  readonly closed: Record<CloseReason, number>;
}

/** What a trigger has done since it was made, and what it holds now. */
export interface Stats extends Readonly<Counters> {
  /** Open streams. */
  readonly streams: number;
  /** Distinct keys that are watched, with those that `listen` of PostgreSQL watches beside them. */
  readonly keys: number;
  /** Keys whose push the store did not take yet. */
  readonly unsent: number;
  /** Whether the last read of versions failed, or, while nothing is watched and so nothing is read, any push is unsent. */
  readonly storeDown: boolean;
  /** The last trouble with the store; undefined while there was none. */
  readonly storeError: StoreError | undefined;
}

/** What `onError` was told, in short. */
export interface StoreError {
  readonly code: SseTriggerErrorCode;
  /** With that of its cause. */
  readonly message: string;
  /** When, in milliseconds since 1970. */
  readonly at: number;
}

export function newCounters(): Counters {
  return {
    checks: 0,
    runs: 0,
    failures: 0,
    asks: 0,
    askFailures: 0,
    frames: 0,
    bytes: 0,
    heartbeats: 0,
    resumed: 0,
    conflated: 0,
    refused: {
      method: 0,
      origin: 0,
      nobody: 0,
      permission: 0,
      answered: 0,
      pipelined: 0,
      draining: 0,
      full: 0,
      failed: 0,
    },
    closed: {
      client: 0,
      stuck: 0,
      lifetime: 0,
      replaced: 0,
      permission: 0,
      drain: 0,
      complete: 0,
      failed: 0,
    },
  };
}
