import { EVERYTHING } from '../../src/everything.ts';
import { LATEST, SPREAD } from './bounds.ts';
import type { Commit } from './database.ts';
import { KEYS, type Key } from './pages.ts';
import type { SimProcess } from './process.ts';
import type { Pushes } from './pushes.ts';
import type { Scene } from './scene.ts';

/** What the database itself tells all processes, each of which pushes what it hears, with a version that all have. */
export class Announcements {
  readonly #scene: Scene;
  readonly #pushes: Pushes;

  constructor(scene: Scene, pushes: Pushes) {
    this.#scene = scene;
    this.#pushes = pushes;
  }

  /** Another program has saved, without a push. */
  change(key: Key): void {
    const { options, database, tally } = this.#scene;
    if (!options.isSharing) return;
    tally.count('change that all processes push');
    const version = this.#scene.newToken();
    this.#pushes.announced.set(version, database.change(key));
    const versions = new Map([[key, version]]);
    this.#tell(key, (host) => void host.engine.push([key], versions));
  }

  /** The same, where the database cannot say what was saved. */
  changeAll(): void {
    const { options, tally } = this.#scene;
    if (!options.isSharing) return;
    tally.count('change of everything that all processes push');
    const version = this.#scene.newToken();
    const commits = this.#commitAll();
    this.#tell(EVERYTHING, (host) => void this.#pushEverything(host, commits, version));
  }

  /** A process did not hear what was saved, and says that anything may have changed. */
  miss(number: number): void {
    const { options, tally } = this.#scene;
    if (!options.isSharing) return;
    tally.count('changes that nobody heard of');
    void this.#pushEverything(this.#scene.process(number), this.#commitAll());
  }

  #commitAll(): readonly Commit[] {
    return KEYS.map((key) => this.#scene.database.change(key));
  }

  /** All hear everything in one order. */
  #tell(key: string, hear: (host: SimProcess) => void): void {
    const { clock, random, processes } = this.#scene;
    this.#pushes.announcedAt.set(key, clock.now());
    for (const host of processes) {
      host.hearsAt = Math.max(host.hearsAt, clock.now() + random.upTo(LATEST));
      clock.after(host.hearsAt - clock.now(), () => {
        if (host.isAlive) hear(host);
      });
    }
  }

  async #pushEverything(host: SimProcess, commits: readonly Commit[], version?: string): Promise<void> {
    const { clock, losses, oracle, bounds } = this.#scene;
    const promise = (sentAt: number) => {
      // As after a loss: all look, and ask who may look, some time within the spread.
      losses.add(undefined, clock.now());
      for (const commit of commits) oracle.promise(commit, sentAt, SPREAD);
    };
    const written = (sentAt: number) => {
      if (version !== undefined) promise(sentAt);
      else this.#pushes.whenItStays(host, EVERYTHING, () => promise(sentAt));
    };
    const sentAt = losses.mark();
    losses.add(undefined, clock.now());
    if (await host.engine.pushEverything(version)) {
      written(sentAt);
      return;
    }
    this.#pushes.keep(host, EVERYTHING, { written, lost: () => {} });
    oracle.expect({
      what: 'those of its process after everything was pushed in vain',
      within: bounds.convergence + SPREAD,
      states: Object.fromEntries(commits.map(({ key, state }) => [key, state])),
      of: (connection) => connection.host === host,
      withoutStore: true,
    });
  }
}
