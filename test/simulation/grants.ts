import { roleOf, type Viewer } from './pages.ts';
import type { Pushes } from './pushes.ts';
import type { Scene } from './scene.ts';
import { LANDING } from './store.ts';

/** What the database says of a viewer: that it may look, may not, or may for so many milliseconds. */
export type Permit = 'yes' | 'no' | number;

/** Changes who may look. */
export class Grants {
  readonly #scene: Scene;
  readonly #pushes: Pushes;

  constructor(scene: Scene, pushes: Pushes) {
    this.#scene = scene;
    this.#pushes = pushes;
  }

  /** Pushes the key of that in a process of ours, or not at all. */
  async change(viewer: Viewer, permit: Permit, process: number | undefined): Promise<void> {
    const { clock, database, permissions, tally } = this.#scene;
    const isLimited = typeof permit === 'number';
    const until = isLimited ? clock.now() + permit : permit === 'yes' ? Number.POSITIVE_INFINITY : 0;
    const { state } = database.grant(viewer, until);
    const what = isLimited ? 'for a while' : permit;
    tally.count(`permission: ${what}${process === undefined ? ', and not pushed' : ''}`);
    permissions.changed(viewer);
    if (process !== undefined) await this.#push(viewer, state, process);
  }

  /** Pushes the key although nothing has changed. */
  async renew(viewer: Viewer, process: number): Promise<void> {
    await this.#push(viewer, this.#scene.database.grantOf(viewer).state, process);
  }

  async #push(viewer: Viewer, state: number, process: number): Promise<void> {
    const { losses, permissions } = this.#scene;
    const host = this.#scene.process(process);
    const over = this.#trouble(viewer);
    permissions.renewed(viewer);
    const sent = losses.mark();
    const written = (sentAt: number) => {
      host.owed[viewer] = Math.max(host.owed[viewer], state);
      permissions.pushed(viewer, state, sentAt);
    };
    if (await host.trigger.push(roleOf(viewer))) {
      over(0);
      written(sent);
      return;
    }
    this.#pushes.keep(host, roleOf(viewer), {
      written: (sentAt) => {
        over(LANDING);
        written(sentAt);
      },
      lost: () => over(LANDING),
    });
  }

  /** Until all processes have seen the push, and what is under way has landed, nobody knows when streams wait for an answer. */
  #trouble(viewer: Viewer): (landing: number) => void {
    const { troubles, tabs, options, bounds } = this.#scene;
    const trouble = troubles.begin('permissions', ({ tab }) => {
      return tabs[tab]!.viewer === viewer && tabs[tab]!.page.guard?.isKeyed === true;
    });
    return (landing) => trouble.endsIn(landing + options.wakes.latest + bounds.convergence);
  }
}
