import type { Clock } from '../../src/clock.ts';
import type { Reading } from '../../src/store.ts';
import { type Condition, SimNode } from './node.ts';
import type { Random } from './random.ts';
import { Tally } from './tally.ts';

type OnWake = (key: string, token: string) => void;

/** What wakes suffer on their way. */
export interface WakeFaults {
  readonly lost: number;
  readonly doubled: number;
  /** Most milliseconds that one takes. */
  readonly latest: number;
}

/** The one place where all simulated processes keep versions: one server, or several nodes that share the keys. */
export class SimServer {
  readonly subscribers = new Set<OnWake>();
  readonly nodes: readonly SimNode[];
  readonly tally: Tally;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #wakes: WakeFaults;

  constructor(clock: Clock, random: Random, wakes: WakeFaults, { nodes = 1, tally = new Tally() } = {}) {
    this.#clock = clock;
    this.#random = random;
    this.#wakes = wakes;
    this.tally = tally;
    this.nodes = Array.from({ length: nodes }, (_, index) => new SimNode(clock, `node ${index}`));
  }

  /** How all of it is. */
  get state(): Condition {
    return this.nodes[0]!.state;
  }

  set state(state: Condition) {
    for (const node of this.nodes) node.state = state;
  }

  /** Who keeps the version of a key. */
  nodeOf(key: string): SimNode {
    let sum = 0;
    for (const character of key) sum += character.codePointAt(0)!;
    return this.nodes[sum % this.nodes.length]!;
  }

  get(key: string): Reading {
    return this.nodeOf(key).get(key);
  }

  set(key: string, token: string): void {
    this.nodeOf(key).set(key, token);
  }

  publish(key: string, token: string): void {
    for (const subscriber of this.subscribers) {
      if (this.#random.chance(this.#wakes.lost)) {
        this.tally.count('wake lost');
        continue;
      }
      const copies = this.#random.chance(this.#wakes.doubled) ? 2 : 1;
      if (copies > 1) this.tally.count('wake doubled');
      for (let copy = 0; copy < copies; copy += 1) {
        const late = this.#random.upTo(this.#wakes.latest);
        if (late > 2000) this.tally.count('wake later than a poll');
        this.#clock.after(late, () => {
          if (this.subscribers.has(subscriber)) subscriber(key, token);
        });
      }
    }
  }

  flush(): void {
    for (const node of this.nodes) node.flush();
  }

  restartEmpty(): void {
    for (const node of this.nodes) node.restartEmpty();
  }

  rollBack(ms: number): void {
    for (const node of this.nodes) node.rollBack(ms);
  }
}
