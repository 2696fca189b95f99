/**
 * - `read_failed`: the store did not answer a poll in time. Streams stay open; told once an outage.
 * - `write_failed`: a push gave false. Unless the trigger is closed, its keys are kept and written as soon as the store answers.
 * - `unsent_full`: more than `maxUnsent` keys wait for the store; a further push was not kept.
 * - `key_unreadable`: the store answers, but `key` has no version and none can be written there.
 * - `wake_failed`: wakes cannot be published or received. Events arrive by the poll alone.
 * - `data_failed`, `data_timeout`: the callback threw, or took longer than `dataTimeout`. It is tried again.
 * - `subject_failed`, `viewer_failed`, `key_failed`: the callback threw while a stream was opening (`key_failed` for
 *   `authorizeKey` too). The browser comes back by itself.
 * - `authorize_failed`, `authorize_timeout`: `authorize` or `expiresAt` threw or gave what is no answer, or took longer than
 *   `dataTimeout`. It is asked again, and until it has answered nothing but heartbeats is sent.
 * - `source_failed`: what feeds an `eventStream` threw. Its client comes back later, with the last id it got.
 * - `streams_full`: `maxStreams` are open; a further one was told to come back later.
 * - `mapping_failed`: a mapping of `on` threw or gave what is no key. The save is done, and nothing is pushed for that row.
 * - `listen_failed`: no notifications come from PostgreSQL, since the connection was lost or cannot be made. It is tried
 *   again, and then everything is looked at once; told once an outage. Not when there is nothing to listen with.
 * - `rows_unknown`: an ORM did not say which rows were written, and `on` has no `bulk`. Nothing is pushed; told once an entity.
 */
export type SseTriggerErrorCode =
  | 'read_failed'
  | 'write_failed'
  | 'unsent_full'
  | 'key_unreadable'
  | 'wake_failed'
  | 'data_failed'
  | 'data_timeout'
  | 'subject_failed'
  | 'viewer_failed'
  | 'key_failed'
  | 'authorize_failed'
  | 'authorize_timeout'
  | 'source_failed'
  | 'streams_full'
  | 'mapping_failed'
  | 'listen_failed'
  | 'rows_unknown';

/** Whether what the application threw is an answer of its own: an error whose `status` is the client's fault. */
export function isAnswer(thrown: unknown): boolean {
  const { status } = Object(thrown) as { status?: unknown };
  return typeof status === 'number' && status >= 400 && status < 500;
}

/** Something went wrong that the package lives through. Misuse is a `TypeError` instead. */
export class SseTriggerError extends Error {
  override readonly name = 'SseTriggerError';
  readonly code: SseTriggerErrorCode;
  /** The key concerned, where it is exactly one. */
  readonly key: string | undefined;
  /** The path of the route concerned, where there is one. */
  readonly route: string | undefined;

  constructor(
    code: SseTriggerErrorCode,
    message: string,
    details: { key?: string | undefined; route?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.key = details.key;
    this.route = details.route;
  }
}
