/**
 * What the engine needs from a place that keeps one short text, the version, for each key.
 *
 * The engine does the thinking: it makes the versions, decides what has changed, sets the deadlines, looks again after
 * a failure. A store only carries out, and is trusted in these points:
 *
 * - It tells the truth about absence. A key is missing only when the store *answered* that it is; a read that failed
 *   rejects (or gives an `Error` for the key it failed for). Mistaking the one for the other makes every stream re-read.
 * - Reads see writes. A `read` begun after a `write` was resolved, by any process, answers that version or a later one,
 *   so it goes to the primary, never to a replica or a local cache.
 * - Nothing is held back. When `signal` aborts, the call rejects soon and leaves nothing queued that would still be
 *   written or that would hold up the next call. The engine has one read and one write batch outstanding at most.
 * - A store may lose versions whenever it likes: what is missing is seeded again and costs one look.
 *
 * `keys` may be many thousands at once; splitting them into commands of a fit size is the store's affair. Keys are 1 to
 * 540 bytes of UTF-8 without control characters, versions are printable ASCII of some 40 characters. The store adds
 * its own prefix to keys. A text that somebody else wrote at a key is a version like any other.
 */
export interface Store {
  /** The version of each key from the primary, in the order of `keys`. */
  read(keys: readonly string[], signal: AbortSignal): Promise<readonly Reading[]>;

  /** Writes versions. Resolves once the primary has all of them; rejects when that is not certain. */
  write(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void>;

  /**
   * Writes versions only where there is none, atomically if the store can. A key that cannot be written is no reason to
   * reject: the engine reads again afterwards.
   */
  add(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void>;

  /**
   * Optional: calls `onWake` when some process has written a version. Only a hint that makes an event arrive sooner: it
   * may come late, twice, out of order or never, but it never carries a version before that version was written.
   * `onError` is told once an outage that wakes cannot be published or received, and at once of one that lasts already.
   * Returns its stop.
   */
  subscribe?(onWake: (key: string, version: string) => void, onError: (error: unknown) => void): () => void;

  /** Optional: closes what the store itself opened, and nothing that it was handed. */
  close?(): Promise<void>;
}

/**
 * What a store knows of one key: its version, `undefined` when there is none, or why this key cannot be read although
 * the store answers. A store of several servers gives `Unanswered` for the keys of those that do not answer.
 */
export type Reading = StoredVersion | undefined | Error;

/** Says nothing of a key: it is waited for as if the whole read had failed, while the others count and are seeded. */
export class Unanswered extends Error {}

export interface StoredVersion {
  /** The text at the key. */
  readonly token: string;
  /**
   * Names the data set that answered. It changes whenever versions that were acknowledged may have been lost (a crash, a
   * restart, a failover), and not with a mere disconnect. A store that cannot tell gives the same text always.
   */
  readonly identity: string;
}
