import type { Sink } from './connection.ts';
import type { Head } from './head.ts';
import type { Provenance } from './origin.ts';

/** A request for a stream and the way back to who sent it, whichever server took it. */
export interface Visit extends Provenance {
  /** As the application's callbacks get it. */
  readonly request: unknown;
  readonly method: string;
  /** For errors. */
  readonly path: string;
  /** Nobody waits for an answer any more. */
  readonly isGone: boolean;
  /** The head of an answer was sent. */
  readonly isAnswered: boolean;
  /** It waits behind another one on its connection, and would not be told when its client is gone. */
  readonly isPipelined: boolean;
  /** Calls `leave` when the client goes. Returns its stop. */
  onGone(leave: () => void): () => void;
  /** Answers with all of it at once. */
  answer(head: Head, body?: string | Buffer): void;
  /** Answers with a stream, whose head goes out with its first bytes. */
  stream(head: Head): Sink;
}
