import type { Commit } from './database.ts';
import { KEYS } from './pages.ts';
import type { Kept, SimProcess, SimPush } from './process.ts';
import type { Scene } from './scene.ts';

/** What pushes promise, and what becomes of those that promise nothing. */
export class Pushes {
  /** What was committed, by the version with which the database told it to all processes. */
  readonly announced = new Map<string, Commit>();
  /** When it told them of each key last. */
  readonly announcedAt = new Map<string, number>();
  /** Versions whose runs are explained. */
  readonly #explained = new Set<string>();
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** An engine pushes, be it by itself: what is committed has to be shown, if the store takes it. */
  async begin(host: SimProcess, { keys, versions, stored }: SimPush): Promise<void> {
    const { clock, losses, oracle, tally, bounds, violations } = this.#scene;
    const commits = versions === undefined ? this.#present(keys) : this.#announced(versions);
    const mark = losses.mark();
    const began = clock.now();
    for (const { key } of commits) host.pushedAt.set(key, began);
    this.#explainRuns(host, keys, versions);
    const isStored = await stored;
    if (host.isAlive && clock.now() > began + bounds.storeTimeout + 1)
      violations.push(`a push of ${keys} took until ${clock.now()}`);
    for (const commit of commits) {
      tally.count(isStored ? 'push taken' : 'push in vain');
      if (!isStored) this.#inVain(host, commit);
      else if (versions !== undefined) oracle.promise(commit, mark);
      else this.whenItStays(host, commit.key, () => oracle.promise(commit, mark));
    }
  }

  /** However many push a version that they share, it is one change; and so is the last push of keys that were pushed both ways. */
  #explainRuns(host: SimProcess, keys: readonly string[], versions?: ReadonlyMap<string, string>): void {
    const { clock, bounds, application } = this.#scene;
    const { pushedAloneAt: alone, pushedSharedAt: shared } = host;
    const [these, others] = versions === undefined ? [alone, shared] : [shared, alone];
    for (const key of keys) {
      these.set(key, clock.now());
      const other = others.get(key) ?? Number.NEGATIVE_INFINITY;
      if (other + bounds.shared >= clock.now()) application.calls.explainRuns([key]);
      const version = versions?.get(key);
      if (version === undefined || !this.#explained.has(version)) application.calls.explainRuns([key]);
      if (version !== undefined) this.#explained.add(version);
    }
  }

  /**
   * Calls `promise` when the store has what a process alone has just pushed, and nobody writes over it what others share:
   * where somebody may, it is pushed once more, unless the process ends before.
   */
  whenItStays(host: SimProcess, key: string, promise: () => void): void {
    const { clock, bounds, troubles, tally } = this.#scene;
    const announcedAt = this.announcedAt.get(key) ?? Number.NEGATIVE_INFINITY;
    if (announcedAt + bounds.shared < clock.now()) {
      promise();
      return;
    }
    tally.count('push that others may write over');
    troubles.echoes(bounds.overlap);
    clock.after(bounds.overlap, () => {
      if (host.isAlive) promise();
    });
  }

  #present(keys: readonly string[]): readonly Commit[] {
    const { database } = this.#scene;
    return KEYS.filter((key) => keys.includes(key)).map((key) => ({ key, state: database.stateOf(key) }));
  }

  /** Other processes push these as well, and may have looked before whatever was committed later. */
  #announced(versions: ReadonlyMap<string, string>): readonly Commit[] {
    return [...versions.values()].flatMap((version) => this.announced.get(version) ?? []);
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

  #inVain(host: SimProcess, commit: Commit): void {
    const { bounds, oracle } = this.#scene;
    if (!host.isAlive) return;
    const written = (sentAt: number) => {
      this.whenItStays(host, commit.key, () => oracle.promise(commit, sentAt));
    };
    this.keep(host, commit.key, { written, lost: () => {} });
    oracle.expect({
      what: `those of its process after state ${commit.state} of ${commit.key} was pushed in vain`,
      within: bounds.convergence,
      states: { [commit.key]: commit.state },
      of: (connection) => connection.host === host,
      withoutStore: true,
    });
  }
}
