import type { Commit } from './database.ts';
import { KEYS } from './pages.ts';
import type { Kept, SimProcess } from './process.ts';
import type { Scene } from './scene.ts';

/** What pushes promise, and what becomes of those that promise nothing. */
export class Pushes {
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** An engine pushes, be it by itself: what is committed has to be shown, if the store takes it. */
  async begin(host: SimProcess, keys: readonly string[], outcome: Promise<boolean>): Promise<void> {
    const { clock, database, losses, application, oracle, tally } = this.#scene;
    const commits = KEYS.filter((key) => keys.includes(key)).map((key) => ({
      key,
      state: database.stateOf(key),
    }));
    const mark = losses.mark();
    for (const { key } of commits) host.pushedAt.set(key, clock.now());
    application.calls.explainRuns(keys);
    const stored = await outcome;
    for (const commit of commits) {
      tally.count(stored ? 'push taken' : 'push in vain');
      if (stored) oracle.promise(commit, mark);
      else this.#inVain(host, commit);
    }
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
    this.keep(host, commit.key, { written: (sentAt) => oracle.promise(commit, sentAt), lost: () => {} });
    oracle.expect({
      what: `those of its process after state ${commit.state} of ${commit.key} was pushed in vain`,
      within: bounds.convergence,
      states: { [commit.key]: commit.state },
      of: (connection) => connection.host === host,
      withoutStore: true,
    });
  }
}
