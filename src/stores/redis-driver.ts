import { plainError } from '../plain-error.ts';

/** The name of a command and its arguments. */
export type RedisCommand = readonly string[];

/** One connection as a client library makes it. It opens once, never comes back, and sends nothing a second time. */
export interface RedisDriver {
  /** Resolves when it takes commands. */
  connect(): Promise<void>;
  /**
   * Sends commands in one go. GET and MGET give Buffers, all others text. Where the server refuses a command, the answer is
   * a `RedisRefusal`.
   *
   * @throws when the connection is lost before all are answered.
   */
  send(commands: readonly RedisCommand[]): Promise<unknown[]>;
  /** @throws RedisRefusal when the server does not allow it. */
  subscribe(channel: string, onMessage: (message: string) => void): Promise<void>;
  /** Ends it, in whatever state it is. What is under way on it rejects. */
  disconnect(): void;
}

/** What a driver tells while it lives. */
export interface RedisDriverEvents {
  /** Somebody accepts the connection. */
  onConnect(): void;
  /** Something went wrong, after which the connection is of no use. */
  onError(error: Error): void;
  /** It is over. */
  onEnd(): void;
}

/** Begins a connection that is known to the server by `name`. */
export type RedisDriverMaker = (name: string, events: RedisDriverEvents) => RedisDriver;

/** The server's own answer to a command that it did not carry out. */
export class RedisRefusal extends Error {
  constructor(error: Error) {
    super(plainError(error).message);
  }
}

export function refusal(key: string | undefined, cause: unknown): Error {
  return new Error(`Redis refused ${key}: ${describe(cause)}`, { cause });
}

export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A host with several addresses fails with an AggregateError, whose message is empty.
  return error instanceof AggregateError ? error.errors.map(describe).join(', ') : error.message;
}
