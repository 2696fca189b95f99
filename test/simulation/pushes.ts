import { sharedKey } from '../../src/shared-key.ts';
import type { Commit } from './database.ts';
import { KEYS } from './pages.ts';
import type { Kept, SimProcess, SimPush } from './process.ts';
import type { Scene } from './scene.ts';

/** What pushes promise, and what becomes of those that promise nothing. */
export class Pushes {
  /** What was committed, by the version with which the database told it to all processes. */
  readonly announced = new Map<string, Commit>();
  /** Versions whose runs are explained. */
  readonly #explained = new Set<string>();
  /** Of each key the last two versions that all share, and when they were pushed first. */
  readonly #lastShared = new Map<string, readonly { readonly version: string; readonly at: number }[]>();
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** An engine pushes, be it by itself: what is committed has to be shown, if the store takes it. */
  async begin(host: SimProcess, { keys, version, stored }: SimPush): Promise<void> {
    const { clock, losses, oracle, tally, bounds, violations } = this.#scene;
    const commits = version === undefined ? this.#present(keys) : this.#announced(version);
    const mark = losses.mark();
    const began = clock.now();
    for (const { key } of commits) host.pushedAt.set(key, began);
    this.#explainRuns(keys, version);
    const isStored = await stored;
    if (host.isAlive && clock.now() > began + bounds.storeTimeout + 1)
      violations.push(`a push of ${keys} took until ${clock.now()}`);
    for (const commit of commits) {
      tally.count(isStored ? 'push taken' : 'push in vain');
      const place = version === undefined ? commit.key : sharedKey(commit.key);
      if (isStored) oracle.promise(commit, mark, { place });
      else this.#inVain(host, commit, place);
    }
  }

  /**
   * However many push a version that they share, it is one change; unless another one of the key is as young, since who is
   * late may write the older one over that.
   */
  #explainRuns(keys: readonly string[], version?: string): void {
    const { clock, bounds, application } = this.#scene;
    if (version === undefined || !this.#explained.has(version)) application.calls.explainRuns(keys);
    if (version === undefined) return;
    this.#explained.add(version);
    for (const key of keys) {
      const last = this.#lastShared.get(key) ?? [];
      const others = last.filter((other) => other.version !== version);
      if (others.some(({ at }) => at + bounds.shared >= clock.now())) application.calls.explainRuns([key]);
      if (others.length === last.length)
        this.#lastShared.set(key, [...last.slice(-1), { version, at: clock.now() }]);
    }
  }

  #present(keys: readonly string[]): readonly Commit[] {
    const { database } = this.#scene;
    return KEYS.filter((key) => keys.includes(key)).map((key) => ({ key, state: database.stateOf(key) }));
  }

  /** Other processes push these as well, and may have looked before whatever was committed later. */
  #announced(version: string): readonly Commit[] {
    const commit = this.announced.get(version);
    return commit === undefined ? [] : [commit];
  }

  /** A unit of work has committed this and is over: if nobody begins to push it now, it is promised all the same. */
  due(host: SimProcess, commit: Commit): void {
    const { clock, oracle, losses } = this.#scene;
    if (!host.isAlive || host.pushedAt.get(commit.key) === clock.now()) return;
    oracle.promise(commit, losses.mark());
  }

  /** Who pushed in vain keeps the key. */
  keep(host: SimProcess, key: string, { written, lost }: Kept): void {
    if (!host.isAlive) {
      lost();
      return;
    }
    const before = host.kept.get(key);
    host.kept.set(key, {
      written: (sentAt) => {
        before?.written(sentAt);
        written(sentAt);
      },
      lost: () => {
        before?.lost();
        lost();
      },
    });
  }

  /** The process writes versions. What it gives is to be called when the store has taken them. */
  write(host: SimProcess, keys: readonly string[]): () => void {
    const sentAt = this.#scene.losses.mark();
    return () => {
      for (const key of keys) {
        const kept = host.kept.get(key);
        host.kept.delete(key);
        if (kept !== undefined) this.#scene.tally.count('key that was kept is written');
        kept?.written(sentAt);
      }
    };
  }

  /** The process is no more. */
  lose(host: SimProcess): void {
    for (const { lost } of host.kept.values()) lost();
    host.kept.clear();
  }

  #inVain(host: SimProcess, commit: Commit, place: string): void {
    const { bounds, oracle } = this.#scene;
    if (!host.isAlive) return;
    const written = (sentAt: number) => oracle.promise(commit, sentAt, { place });
    this.keep(host, place, { written, lost: () => {} });
    oracle.expect({
      what: `those of its process after state ${commit.state} of ${commit.key} was pushed in vain`,
      within: bounds.convergence,
      states: { [commit.key]: commit.state },
      of: (connection) => connection.host === host,
      withoutStore: true,
    });
  }
}
