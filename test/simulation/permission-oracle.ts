import type { VirtualClock } from '../support/virtual-clock.ts';
import { type Bounds, SPREAD } from './bounds.ts';
import type { Calls } from './calls.ts';
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

/** The guarantee's authorisation: nothing is sent after a no, and whoever may look no more has no stream for long. */
export class PermissionOracle {
  readonly violations: string[] = [];
  readonly #options: PermissionOracleOptions;

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

  /** The store has taken a push of that. `sentAt` is the mark of the losses when that was sent. */
  pushed(viewer: Viewer, sentAt: number): void {
    const { bounds, options } = this.#options;
    // A wake that comes late looks like another change, and back again with the next poll.
    const { latest } = options.wakes;
    const within = bounds.convergence + (latest > 0 ? latest + bounds.answer : 0);
    for (const page of PAGES) {
      if (page.guard?.isKeyed) this.#expectEnd(page, viewer, within, roleOf(viewer), sentAt);
    }
  }

  /** The store has lost data since that was the mark of the losses: it is asked for all concerned, within the spread. */
  lost(since: number): void {
    const { bounds, losses } = this.#options;
    for (const viewer of VIEWERS.filter((one) => losses.hadAny(roleOf(one), since))) {
      for (const page of PAGES) {
        if (!page.guard?.isKeyed) continue;
        this.#expectEnd(page, viewer, bounds.convergence + SPREAD, roleOf(viewer), losses.mark());
      }
    }
  }

  /**
   * Looks, when the time is over, whether all streams of a viewer have ended who may look no more; not where they are to
   * learn of it by a key that was lost since.
   */
  #expectEnd(page: Page, viewer: Viewer, within: number, key?: string, mark = 0): void {
    const { clock, bounds, database, losses, tally } = this.#options;
    const from = clock.now();
    const { state, until } = database.grantOf(viewer);
    if (until === Number.POSITIVE_INFINITY) return;
    const excuses: TroubleKind[] = ['answers', 'callbacks'];
    if (key !== undefined) excuses.push('store');
    const look = (isLast: boolean) => {
      if (database.grantOf(viewer).state !== state) return;
      if (key !== undefined && losses.hadAny(key, mark)) return;
      for (const tab of this.#streamsOf(page, viewer)) {
        if (tab.connection!.openedAt > from) continue;
        if (this.#isExcused(tab, from, excuses)) continue;
        if (!isLast && this.#isAsked(tab)) {
          // What was answered before did not count any more.
          clock.after(bounds.answer, () => look(true));
          return;
        }
        this.#violate(`${viewer} may not look since ${from}: client ${tab.index} still does`);
      }
      tally.count('looks for streams of who may not look');
    };
    // After what else is to be done at that moment.
    clock.after(Math.max(within, until - from), () => clock.after(0, () => look(false)));
  }

  #streamsOf(page: Page, viewer: Viewer): readonly SimTab[] {
    return this.#options.tabs.filter(
      (tab) => tab.page === page && tab.viewer === viewer && tab.connection !== undefined,
    );
  }

  #isAsked({ page, viewer, connection }: SimTab): boolean {
    const { calls } = this.#options.application;
    return calls.isAsked(connection!.host, `${page.number} ${viewer}`);
  }

  #isExcused({ index, page, viewer, connection }: SimTab, since: number, kinds: readonly TroubleKind[]) {
    const keys = page.guard?.isKeyed ? [roleOf(viewer!)] : [];
    const { host, openedAt } = connection!;
    return this.#options.troubles.hadAny(kinds, { tab: index, host, keys, openedAt }, since);
  }

  #violate(what: string): void {
    this.violations.push(`${what} at ${this.#options.clock.now()}`);
  }
}
