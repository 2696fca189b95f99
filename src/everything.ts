import { isSeed } from './seed.ts';
import type { StoredVersion } from './store.ts';

/** A version of all keys together, for those who ask for it: pushed when nobody knows what has changed. */
export const EVERYTHING = 'sse-trigger-everything';

/** What is known of the version at EVERYTHING. */
export class Everything {
  /** What was last read; undefined before that. */
  #version: StoredVersion | undefined;
  /** Whether nothing was there before there ever was. */
  #isNew = false;
  /** The mark at which that read began. */
  #asOf = Number.NEGATIVE_INFINITY;
  /** What was known at some mark when a push of it may have been lost: what is shown since is newer. */
  #doubtful: { readonly token: string | undefined; readonly since: number } | undefined;

  get version(): StoredVersion | undefined {
    return this.#version;
  }

  /** The same, when that was read since `mark`. */
  versionSince(mark: number): StoredVersion | undefined {
    return this.#asOf > mark ? this.#version : undefined;
  }

  /** Whether a push of it may have been lost, and another version was not read since. */
  get isInDoubt(): boolean {
    return this.#doubtful !== undefined && this.#doubtful.token === this.#version?.token;
  }

  /** The store said that nothing is there. */
  miss(): void {
    this.#isNew = this.#version === undefined;
  }

  /**
   * The store said this at `began`. Says whether it may have been pushed since it was read last, or since anybody was shown
   * anything before it could be read at all.
   */
  read(version: StoredVersion, began: number): boolean {
    const known = this.#version;
    this.#version = version;
    this.#asOf = began;
    if (known === undefined) return !this.#isNew || !isSeed(version.token);
    return known.token !== version.token;
  }

  /** A push of it, made at the mark `pushedAt`, may have been lost. Says whether that is news at the mark `now`. */
  doubt(pushedAt: number, now: number): boolean {
    if (this.isInDoubt && this.#doubtful!.since > pushedAt) return false;
    this.#doubtful = { token: this.#version?.token, since: now };
    return true;
  }
}
