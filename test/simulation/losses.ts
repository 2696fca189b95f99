import { type Bounds, SPREAD } from './bounds.ts';
import type { SimNode } from './node.ts';
import type { SimServer } from './server.ts';
import type { Troubles } from './troubles.ts';

interface Loss {
  /** undefined where somebody only says that any key may have changed. */
  readonly node: SimNode | undefined;
  readonly at: number;
}

/** What the store has lost, and until when that has consequences. */
export class Losses {
  readonly #server: SimServer;
  readonly #troubles: Troubles;
  readonly #bounds: Bounds;
  readonly #all: Loss[] = [];

  constructor(server: SimServer, troubles: Troubles, bounds: Bounds) {
    this.#server = server;
    this.#troubles = troubles;
    this.#bounds = bounds;
  }

  add(node: SimNode | undefined, at: number): void {
    this.#all.push({ node, at });
    this.#troubles.echoes(SPREAD + this.#bounds.convergence);
  }

  /** When somebody said last that any key may have changed. */
  get announcedAt(): number {
    return this.#all.findLast(({ node }) => node === undefined)?.at ?? Number.NEGATIVE_INFINITY;
  }

  /** Numbers this moment. */
  mark(): number {
    return this.#all.length;
  }

  /** Whether the version of a key may have been lost since that was the mark. */
  hadAny(key: string, mark: number): boolean {
    const node = this.#server.nodeOf(key);
    return this.#all.some((loss, index) => index >= mark && loss.node === node);
  }

  /** Whether all processes had seen at that time what was lost before, and had done what is to be done. */
  wereMadeUpFor(time: number): boolean {
    const { convergence } = this.#bounds;
    return this.#all.every(({ at }) => {
      // Nobody sees it while the store does not answer, over and over.
      return this.#troubles.lasted('store', at, convergence) + convergence + SPREAD < time;
    });
  }
}
