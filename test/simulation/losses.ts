import { type Bounds, SPREAD } from './bounds.ts';
import type { SimNode } from './node.ts';
import type { SimServer, WakeFaults } from './server.ts';
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
  /**
   * Most milliseconds in which looks come after everything was pushed. A wake of an older push of everything that comes late
   * makes what is known an older version until the next poll, and what is read meanwhile may pass for what clients have.
   */
  readonly spreadOfEverything: number;
  readonly #all: Loss[] = [];

  constructor(server: SimServer, troubles: Troubles, bounds: Bounds, { latest }: WakeFaults) {
    this.#server = server;
    this.#troubles = troubles;
    this.#bounds = bounds;
    this.spreadOfEverything = SPREAD + latest;
  }

  add(node: SimNode | undefined, at: number): void {
    this.#all.push({ node, at });
    this.#troubles.echoes(this.#spreadOf(node) + this.#bounds.convergence);
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
    return this.laterAt(time) === 0;
  }

  /** How many milliseconds later than else all looks have come then. */
  laterAt(time: number): number {
    const { convergence } = this.#bounds;
    const isPending = ({ node, at }: Loss) =>
      // Nobody sees it while the store does not answer, over and over.
      this.#troubles.lasted('store', at, convergence) + convergence + this.#spreadOf(node) >= time;
    return Math.max(0, ...this.#all.filter(isPending).map(({ node }) => this.#spreadOf(node)));
  }

  #spreadOf(node: SimNode | undefined): number {
    return node === undefined ? this.spreadOfEverything : SPREAD;
  }
}
