import type { VirtualClock } from '../support/virtual-clock.ts';
import { type Bounds, SPREAD } from './bounds.ts';
import type { Calls } from './calls.ts';
import type { SimConnection } from './connection.ts';
import type { Database } from './database.ts';
import type { Losses } from './losses.ts';
import { type Guard, PAGES, type Page, roleOf, VIEWERS, type Viewer } from './pages.ts';
import type { Answer, SimProcess } from './process.ts';
import type { WakeFaults } from './server.ts';
import type { SimTab } from './tab.ts';
import type { Tally } from './tally.ts';
import type { TroubleKind, Troubles } from './troubles.ts';

export interface PermissionOracleOptions {
  readonly clock: VirtualClock;
  readonly options: { readonly wakes: WakeFaults };
  readonly bounds: Bounds;
  readonly tabs: readonly SimTab[];
  readonly troubles: Troubles;
  readonly losses: Losses;
  readonly database: Database;
  readonly application: { readonly calls: Calls };
  readonly tally: Tally;
}

/** How it is to be learnt who may look no more. */
interface Cause {
  /** By a push of this key. */
  readonly key?: string | undefined;
  /** That of the losses then. */
  readonly mark?: number;
  /** Which connections it is about. @defaultValue all */
  readonly of?: ((connection: SimConnection) => boolean) | undefined;
}

/** Watches over somebody who wants to open a stream. */
export interface Judge {
  readonly appliedAt: number;
  /** Why nothing may be sent to it now, if so. */
  forbids(): string | undefined;
  /** It was let in by the last answer. */
  permitted(): void;
  /** It was let in without an answer, which is to come, and to end the stream if it is a no. */
  unanswered(connection: SimConnection): void;
}

/** The guarantee's authorisation: nothing is sent after a no, and whoever may look no more has no stream for long. */
export class PermissionOracle {
  readonly violations: string[] = [];
  readonly #options: PermissionOracleOptions;
  /** The newest state of the database of which the store has taken a push. */
  readonly #pushed: Record<Viewer, number> = { ann: 0, bob: 0 };
  /** When its key was pushed last, or the store took that. */
  readonly #renewed: Record<Viewer, number> = { ann: 0, bob: 0 };

  constructor(options: PermissionOracleOptions) {
    this.#options = options;
  }

  /** Why nothing may be sent to a viewer now, if so. */
  forbids(host: SimProcess, { number }: Page, viewer: Viewer, guard: Guard): string | undefined {
    const now = this.#options.clock.now();
    const answer = host.answers.get(`${number} ${viewer}`);
    if (answer === undefined) return `to ${viewer} before there was an answer`;
    if ((host.failures.get(`${number} ${viewer}`) ?? 0) > answer.call)
      return `to ${viewer} although nobody could say whether that may be`;
    if (answer.until <= now) return `to ${viewer} after a no, or after the permission expired`;
    if (now >= answer.answeredAt + guard.authorizeEvery) return `to ${viewer} by an answer that is too old`;
    if (!guard.isKeyed || answer.state >= host.owed[viewer]) return undefined;
    return `to ${viewer} by an answer from before the push`;
  }

  /** Somebody wants to open a stream: what was pushed before, or has changed where nothing is pushed, counts for it. */
  applied(host: SimProcess, page: Page, viewer: Viewer): Judge {
    const { clock, database, bounds, losses, tally } = this.#options;
    const appliedAt = clock.now();
    const isKeyed = page.guard?.isKeyed === true;
    const owed = isKeyed ? this.#pushed[viewer] : database.grantOf(viewer).state;
    return {
      appliedAt,
      forbids: () => {
        const answer = host.answers.get(`${page.number} ${viewer}`);
        if (answer === undefined || answer.state >= owed) return undefined;
        return `to ${viewer}, who came at ${appliedAt}, by an older answer`;
      },
      permitted: () => {
        const answer = host.answers.get(`${page.number} ${viewer}`);
        if (answer === undefined || answer.state < owed)
          this.#violate(`${viewer}, who came at ${appliedAt}, was let in by an old answer`);
        else if (answer.askedAt < appliedAt) tally.count('stream let in by an answer that was known');
      },
      unanswered: (connection) => {
        if (owed < database.grantOf(viewer).state) return;
        this.#expectEnd(page, viewer, bounds.convergence, {
          ...(isKeyed && { key: roleOf(viewer), mark: losses.mark() }),
          of: (one) => one === connection,
        });
      },
    };
  }

  /** The application has said until when a viewer may look. */
  answered(host: SimProcess, page: Page, viewer: Viewer, answer: Answer): void {
    const { clock, tally } = this.#options;
    const place = `${page.number} ${viewer}`;
    if (answer.call < (host.answers.get(place)?.call ?? 0)) return;
    host.answers.set(place, answer);
    const left = answer.until - clock.now();
    if (left <= 0) tally.count('authorize said no');
    if (left <= 0 || left === Number.POSITIVE_INFINITY) return;
    tally.count('authorize said until when');
    // After what else is to be done at that moment.
    clock.after(left, () => clock.after(0, () => this.#expectExpired(host, page, viewer, answer)));
  }

  /** Unless there was another answer, or may have been another question. */
  #expectExpired(host: SimProcess, page: Page, viewer: Viewer, answer: Answer): void {
    if (host.answers.get(`${page.number} ${viewer}`) !== answer) return;
    if (page.guard?.isKeyed && !this.#options.losses.wereMadeUpFor(answer.askedAt)) return;
    this.#options.tally.count('permission expired');
    const { askedAt, answeredAt } = answer;
    // What a store that was away says first is a change, upon which it is asked again.
    const readAfter = askedAt - this.#options.bounds.convergence;
    for (const tab of this.#streamsOf(page, viewer)) {
      const { connection } = tab;
      if (connection?.host !== host) continue;
      // Who was let in without an answer is shown nothing yet.
      if (!connection.isPermitted && connection.openedAt > answeredAt) continue;
      if (this.#isExcused(tab, askedAt, ['permissions'])) continue;
      if (this.#isExcused(tab, readAfter, ['store'])) continue;
      this.#violate(`the permission of ${viewer} has expired: client ${tab.index} still looks`);
    }
  }

  /** It has changed who may look, and nothing was pushed yet. */
  changed(viewer: Viewer): void {
    for (const page of PAGES) {
      if (page.guard !== undefined) {
        this.#expectEnd(page, viewer, page.guard.authorizeEvery + this.#options.bounds.answer);
      }
    }
  }

  /** A push of that begins, whatever becomes of it: its process asks again. */
  renewed(viewer: Viewer): void {
    this.#renewed[viewer] = this.#options.clock.now();
  }

  /** The store has taken a push of that state. `sentAt` is the mark of the losses when that was sent. */
  pushed(viewer: Viewer, state: number, sentAt: number): void {
    this.#pushed[viewer] = Math.max(this.#pushed[viewer], state);
    this.renewed(viewer);
    if (this.#options.database.grantOf(viewer).state === state) this.#expectHeeded(viewer, 0, sentAt);
  }

  /** Trouble with the store is over: what was pushed meanwhile is heeded, by all connections that are meant. */
  expectPushed(of?: (connection: SimConnection) => boolean): void {
    const { clock, database, losses } = this.#options;
    const later = losses.laterAt(clock.now());
    for (const viewer of VIEWERS) {
      if (this.#pushed[viewer] < database.grantOf(viewer).state) continue;
      this.#expectHeeded(viewer, later, losses.mark(), of);
    }
  }

  /** Trouble with what the application is asked is over: so is what has changed meanwhile, pushed or not. */
  expectAll(): void {
    for (const viewer of VIEWERS) this.changed(viewer);
    this.expectPushed();
  }

  #expectHeeded(
    viewer: Viewer,
    later: number,
    mark: number,
    of?: (connection: SimConnection) => boolean,
  ): void {
    const { bounds, options } = this.#options;
    // A wake that comes late looks like another change, and back again with the next poll.
    const { latest } = options.wakes;
    const within = bounds.convergence + later + (latest > 0 ? latest + bounds.answer : 0);
    for (const page of PAGES) {
      if (page.guard?.isKeyed) this.#expectEnd(page, viewer, within, { key: roleOf(viewer), mark, of });
    }
  }

  /** The store has lost data since that was the mark of the losses: it is asked for all concerned, within the spread. */
  lost(since: number): void {
    const { bounds, losses } = this.#options;
    for (const viewer of VIEWERS.filter((one) => losses.hadAny(roleOf(one), since))) {
      for (const page of PAGES) {
        if (!page.guard?.isKeyed) continue;
        this.#expectEnd(page, viewer, bounds.convergence + SPREAD, {
          key: roleOf(viewer),
          mark: losses.mark(),
        });
      }
    }
  }

  /**
   * Looks, when the time is over, whether all streams of a viewer have ended who may look no more; not where they are to
   * learn of it by a key that was lost since. Who came later was judged when it was let in.
   */
  #expectEnd(
    page: Page,
    viewer: Viewer,
    within: number,
    { key, mark = 0, of = () => true }: Cause = {},
    from = this.#options.clock.now(),
  ): void {
    const { clock, bounds, database, losses, tally } = this.#options;
    const { state, until } = database.grantOf(viewer);
    if (until === Number.POSITIVE_INFINITY) return;
    const excuses: TroubleKind[] = ['answers', 'callbacks'];
    if (key !== undefined) excuses.push('store');
    const concerned = this.#streamsOf(page, viewer).filter(({ connection }) => of(connection!));
    const open = new Map(concerned.map((tab) => [tab, tab.connection!]));
    const isMoot = () =>
      database.grantOf(viewer).state !== state || (key !== undefined && losses.hadAny(key, mark));
    // After what else is to be done at that moment.
    const after = (ms: number, run: () => void) => clock.after(ms, () => clock.after(0, run));
    const look = (lookedAt?: number) => {
      if (isMoot()) return;
      const now = clock.now();
      for (const tab of this.#streamsOf(page, viewer)) {
        const { appliedAt, openedAt } = tab.connection!;
        if (appliedAt > from || !of(tab.connection!) || this.#isExcused(tab, from, excuses)) continue;
        if (openedAt + bounds.answer > now) after(bounds.answer, look);
        else if (this.#isAskedAnew(tab, lookedAt)) after(bounds.answer, () => look(now));
        else this.#violate(`${viewer} may not look since ${from}: client ${tab.index} still does`);
      }
    };
    after(Math.max(0, Math.max(from + within, until) - clock.now()), () => {
      const renewedAt = key === undefined ? from : this.#renewedAt(viewer);
      // What was asked for before it was pushed once more does not count, and the time begins anew.
      if (renewedAt > from) {
        if (!isMoot()) this.#expectEnd(page, viewer, within, { key, mark, of }, renewedAt);
        return;
      }
      for (const [tab, connection] of isMoot() ? [] : open) {
        const isExcused = this.#isExcused(tab, from, excuses, connection);
        tally.count(isExcused ? 'stream that was to end, excused' : 'stream that was to end');
      }
      look();
    });
  }

  /** When the last push of what concerns a viewer was known to all whom it tells to ask again. */
  #renewedAt(viewer: Viewer): number {
    const { losses } = this.#options;
    return Math.max(this.#renewed[viewer], losses.announcedAt + losses.spreadOfEverything);
  }

  #streamsOf(page: Page, viewer: Viewer): readonly SimTab[] {
    return this.#options.tabs.filter(
      (tab) => tab.page === page && tab.viewer === viewer && tab.connection !== undefined,
    );
  }

  /** What was answered before did not count any more: once, and again where there was a push or a loss since the last look. */
  #isAskedAnew(tab: SimTab, lookedAt: number | undefined): boolean {
    const { application, losses } = this.#options;
    const { page, viewer, connection } = tab;
    if (!application.calls.isAsked(connection!.host, `${page.number} ${viewer}`)) return false;
    if (lookedAt === undefined) return true;
    return this.#isExcused(tab, lookedAt, ['permissions']) || !losses.wereMadeUpFor(lookedAt);
  }

  #isExcused(
    { index, page, viewer, connection: current }: SimTab,
    since: number,
    kinds: readonly TroubleKind[],
    { host, openedAt } = current!,
  ): boolean {
    const keys = page.guard?.isKeyed ? [roleOf(viewer!)] : [];
    return this.#options.troubles.hadAny(kinds, { tab: index, host, keys, openedAt }, since);
  }

  #violate(what: string): void {
    this.violations.push(`${what} at ${this.#options.clock.now()}`);
  }
}
