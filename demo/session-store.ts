import { callbackify } from 'node:util';
import { defineEntity, type EntityManager, p } from '@mikro-orm/core';
import { type SessionData, Store } from 'express-session';

export const Session = defineEntity({
  name: 'Session',
  tableName: 'bell_session',
  properties: {
    id: p.string().primary(),
    /** As JSON. */
    data: p.text(),
    expires: p.datetime(3).index(),
  },
});

type Callback<T = void> = (error?: unknown, result?: T) => void;

/**
 * Keeps sessions in the database, so that a restart signs nobody out.
 *
 * It has no `touch`: a browser gets its cookie when the session changes and at no other time, so to let the row live
 * longer than that would cost a write for each request and be of no use.
 */
export class DatabaseSessionStore extends Store {
  readonly #em: EntityManager;

  constructor(em: EntityManager) {
    super();
    this.#em = em;
  }

  /** Removes what nobody can come back to. */
  async removeExpired(): Promise<void> {
    await this.#em.fork().nativeDelete(Session, { expires: { $lte: new Date() } });
  }

  override get(id: string, callback: Callback<SessionData | null>): void {
    tell(callback, async () => {
      const row = await this.#em.fork().findOne(Session, { id, expires: { $gt: new Date() } });
      return row && JSON.parse(row.data);
    });
  }

  override set(id: string, session: SessionData, callback?: Callback): void {
    tell(callback, async () => {
      const expires = new Date(session.cookie.expires!);
      await this.#em.fork().upsert(Session, { id, data: JSON.stringify(session), expires });
    });
  }

  override all(callback: Callback<(SessionData & { id: string })[]>): void {
    tell(callback, async () => {
      const rows = await this.#em.fork().find(Session, { expires: { $gt: new Date() } });
      return rows.map(({ id, data }) => ({ ...JSON.parse(data), id }));
    });
  }

  override destroy(id: string, callback?: Callback): void {
    tell(callback, async () => {
      await this.#em.fork().nativeDelete(Session, { id });
    });
  }
}

/** Whatever goes wrong is for the callback: nobody looks after a promise here, and one that is rejected ends the process. */
function tell<T>(callback: Callback<T> = () => {}, work: () => Promise<T>): void {
  callbackify(work)(callback as (error: NodeJS.ErrnoException | null, result: T) => void);
}
