import { createHash } from 'node:crypto';
import { isDeepStrictEqual, promisify } from 'node:util';
import type { SessionData, Store } from 'express-session';

/** What to push when somebody has signed in or out in a session. */
export type SessionKey = `session:${string}`;

/** The id is a secret that opens the session, and keys can be read by more people than cookies. */
export function toSessionKey(id: string): SessionKey {
  return `session:${createHash('sha256').update(id).digest('base64url')}`;
}

/** Says who is signed in, as the store has it now: what a stream was opened with may be out of date. */
export class Sessions {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Whether nobody else is signed in in a session, and nobody less. Who never signed in has no session. */
  async isOf(users: readonly string[], id: string): Promise<boolean> {
    const get = promisify<string, SessionData | null | undefined>(this.#store.get).bind(this.#store);
    const session = await get(id);
    return isDeepStrictEqual(session?.users ?? [], users);
  }

  /** Signs `user` out of every session, and gives the ids of those. It looks at all there are, which a demo can afford. */
  async removeUser(user: string): Promise<string[]> {
    const store = this.#store as Required<Store>;
    const all = (await promisify(store.all).call(store)) as (SessionData & { id: string })[];
    const theirs = all.filter(({ users }) => users?.includes(user));
    const set = promisify<string, SessionData, void>(store.set).bind(store);
    const destroy = promisify<string, void>(store.destroy).bind(store);
    await Promise.all(
      theirs.map(({ id, ...session }) => {
        const users = session.users!.filter((other) => other !== user);
        return users.length > 0 ? set(id, { ...session, users }) : destroy(id);
      }),
    );
    return theirs.map(({ id }) => id);
  }
}
