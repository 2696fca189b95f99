import type { VirtualClock } from '../support/virtual-clock.ts';
import { type Bounds, LAST_BACKOFF, SPREAD } from './bounds.ts';
import type { SimConnection } from './connection.ts';
import type { Commit } from './database.ts';
import type { Losses } from './losses.ts';
import type { Key, SimFeed } from './pages.ts';
import type { SimTab } from './tab.ts';
import type { Tally } from './tally.ts';
import type { TroubleKind, Troubles } from './troubles.ts';

type States = Partial<Record<Key, number>>;

/** What pages have to show, from some moment on. */
interface Expectation {
  readonly what: string;
  /** In so many milliseconds. */
  readonly within: number;
  readonly states: States;
  /** Which connections it is about, of those that are open now and stay so. @defaultValue all */
  readonly of?: (connection: SimConnection) => boolean;
  /** Set where it makes no difference whether the store answers. */
  readonly withoutStore?: boolean;
  /** Where the store keeps the version that says so of a key. @defaultValue at the key itself */
  readonly placeOf?: (key: Key) => string;
  /** Set where no push is what it is about, upon which callbacks that failed are called again at once. */
  readonly withoutPush?: boolean;
}

interface DueExpectation extends Expectation {
  readonly from: number;
  /** That of the losses then. */
  readonly mark: number;
  readonly open: ReadonlyMap<SimTab, SimConnection>;
}

export interface OracleOptions {
  readonly clock: VirtualClock;
  readonly bounds: Bounds;
  readonly tabs: readonly SimTab[];
  readonly troubles: Troubles;
  readonly losses: Losses;
  readonly tally: Tally;
}

/** The guarantee's convergence: what was promised is shown within the bound, by all pages that have no trouble. */
export class Oracle {
  readonly violations: string[] = [];
  readonly #options: OracleOptions;
  /** What pushes promised to show. */
  readonly #promised: Record<Key, number> = { a: 0, b: 0, c: 0 };
  /** Where the store keeps the versions of these pushes. */
  readonly #places: Record<Key, string> = { a: 'a', b: 'b', c: 'c' };

  constructor(options: OracleOptions) {
    this.#options = options;
  }

  /**
   * The store has taken a push of what was committed, at the key or at another `place`. `sentAt` is the mark of the losses
   * when that was sent, `later` how many milliseconds looks may come later.
   */
  promise({ key, state }: Commit, sentAt: number, { place = key as string, later = 0 } = {}): void {
    const { bounds, losses } = this.#options;
    if (state > this.#promised[key]) {
      this.#promised[key] = state;
      this.#places[key] = place;
    }
    // It may have been lost again before the answer was here.
    const within = bounds.convergence + (losses.hadAny(place, sentAt) ? Math.max(SPREAD, later) : later);
    const what = `all after state ${state} of ${key}`;
    this.expect({ what, within, states: { [key]: state }, placeOf: () => place });
  }

  /** All that was promised is to be shown, from now on within the bound, or later where some of it may have been lost lately. */
  expectPromised(what: string, of?: (connection: SimConnection) => boolean): void {
    const { clock, bounds, losses } = this.#options;
    const within = bounds.convergence + losses.laterAt(clock.now());
    const places = { ...this.#places };
    this.expect({
      what,
      within,
      states: { ...this.#promised },
      placeOf: (key) => places[key],
      withoutPush: true,
      ...(of && { of }),
    });
  }

  /** Looks, when the time is over, whether the pages show it whose streams were open and without trouble all the while. */
  expect(expectation: Expectation): void {
    const { clock, bounds, tabs, losses } = this.#options;
    const { within, of = () => true } = expectation;
    const open = new Map<SimTab, SimConnection>();
    for (const tab of tabs) {
      if (tab.connection !== undefined && of(tab.connection)) open.set(tab, tab.connection);
    }
    const due = { ...expectation, open, from: clock.now(), mark: losses.mark() };
    clock.after(within, () => this.#lookAtAll(due, false));
    // It may be asked for at that very moment.
    const isAnyGuarded = [...open.keys()].some(isGuarded);
    if (isAnyGuarded) clock.after(within + bounds.answer, () => this.#lookAtAll(due, true));
  }

  /** Whatever was promised long ago is shown now by all whose streams are open for long enough. */
  expectAll(): void {
    const { clock, bounds, tabs } = this.#options;
    for (const tab of tabs) {
      const enough = bounds.convergence + (isGuarded(tab) ? bounds.answer : 0);
      if (tab.connection === undefined || tab.connection.openedAt + enough > clock.now()) continue;
      for (const { name, keys } of tab.page.feeds) {
        for (const key of keys) this.#look('all in the end', tab, name, key, this.#promised[key]);
      }
    }
  }

  #lookAtAll(due: DueExpectation, guarded: boolean): void {
    for (const [tab, connection] of due.open) {
      if (isGuarded(tab) !== guarded || tab.connection !== connection) continue;
      for (const feed of tab.page.feeds) this.#lookAt(due, tab, feed);
    }
  }

  #lookAt(due: DueExpectation, tab: SimTab, { name, keys }: SimFeed): void {
    const { clock, losses, tally } = this.#options;
    for (const key of keys) {
      const state = due.states[key];
      if (state === undefined) continue;
      const place = due.placeOf?.(key) ?? key;
      if (!due.withoutStore && losses.hadAny(place, due.mark)) continue;
      const isExcused = this.#isExcused(due, tab, [...keys, place]);
      const what = isGuarded(tab) ? 'look at a guarded page' : 'look at a page';
      tally.count(isExcused ? `${what}, excused` : what);
      if (!isExcused) this.#look(`${due.what} at ${clock.now()}`, tab, name, key, state);
    }
  }

  #isExcused(due: DueExpectation, tab: SimTab, keys: readonly string[]): boolean {
    const { losses, troubles } = this.#options;
    const { from, open, withoutStore = false, withoutPush = false } = due;
    // After a loss all permissions are asked for again, some time within the spread.
    if (tab.page.guard?.isKeyed && !losses.wereMadeUpFor(from)) return true;
    const { host, openedAt } = open.get(tab)!;
    const where = { tab: tab.index, host, keys, openedAt };
    if (withoutPush && troubles.hadAny(['callbacks'], where, from - LAST_BACKOFF)) return true;
    const kinds: TroubleKind[] = ['callbacks', 'answers', 'permissions', 'client'];
    if (!withoutStore) kinds.push('store');
    return troubles.hadAny(kinds, where, from);
  }

  #look(what: string, { client, index }: SimTab, feed: string, key: Key, state: number): void {
    const shown = client.shows.get(feed)?.states[key] ?? -1;
    if (shown >= state) return;
    this.violations.push(`${what}: client ${index} shows ${shown} of ${key} in ${feed}, not ${state}`);
  }
}

function isGuarded({ page }: SimTab): boolean {
  return page.guard !== undefined;
}
