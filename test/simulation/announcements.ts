import { EVERYTHING, sharedKey } from '../../src/shared-key.ts';
import { LATEST } from './bounds.ts';
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
    this.#tell((host) => void host.engine.pushShared(key, version));
  }

  /** The same, where the database cannot say what was saved. */
  changeAll(): void {
    const { options, tally } = this.#scene;
    if (!options.isSharing) return;
    tally.count('change of everything that all processes push');
    const version = this.#scene.newToken();
    const commits = this.#commitAll();
    this.#tell((host) => void this.#pushEverything(host, commits, version));
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
  #tell(hear: (host: SimProcess) => void): void {
    const { clock, random, processes } = this.#scene;
    for (const host of processes) {
      host.hearsAt = Math.max(host.hearsAt, clock.now() + random.upTo(LATEST));
      clock.after(host.hearsAt - clock.now(), () => {
        if (host.isAlive) hear(host);
      });
    }
  }

  async #pushEverything(host: SimProcess, commits: readonly Commit[], version?: string): Promise<void> {
    const { clock, losses, oracle, bounds } = this.#scene;
    const place = version === undefined ? EVERYTHING : sharedKey(EVERYTHING);
    const written = (sentAt: number) => {
      // As after a loss: all look, and ask who may look, some time within the spread.
      losses.add(undefined, clock.now());
      for (const commit of commits)
        oracle.promise(commit, sentAt, { place, later: losses.spreadOfEverything });
    };
    const sentAt = losses.mark();
    losses.add(undefined, clock.now());
    const { engine } = host;
    if (await (version === undefined ? engine.push([EVERYTHING]) : engine.pushShared(EVERYTHING, version))) {
      written(sentAt);
      return;
    }
    this.#pushes.keep(host, place, { written, lost: () => {} });
    oracle.expect({
      what: 'those of its process after everything was pushed in vain',
      within: bounds.convergence + losses.spreadOfEverything,
      states: Object.fromEntries(commits.map(({ key, state }) => [key, state])),
      of: (connection) => connection.host === host,
      withoutStore: true,
    });
  }
}
