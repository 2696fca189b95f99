import type { Clock } from '../../src/clock.ts';
import type { Reading } from '../../src/store.ts';

/** Whether who is at the other end takes calls, refuses them, or says nothing. */
export type Condition = 'up' | 'refusing' | 'silent';

/** How versions get lost. */
export type Loss = 'flush' | 'restartEmpty' | 'rollBack';

/** A server that keeps versions: all of them, or those of some keys. */
export class SimNode {
  state: Condition = 'up';
  readonly #clock: Clock;
  #versions = new Map<string, string>();
  #history: { at: number; versions: Map<string, string> }[] = [];
  #dataSet = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(key: string): Reading {
    const token = this.#versions.get(key);
    return token === undefined ? undefined : { token, identity: `set${this.#dataSet}` };
  }

  set(key: string, token: string): void {
    this.#history.push({ at: this.#clock.now(), versions: new Map(this.#versions) });
    this.#versions.set(key, token);
  }

  add(key: string, token: string): void {
    if (!this.#versions.has(key)) this.set(key, token);
  }

  flush(): void {
    this.#versions = new Map();
    this.#history = [];
  }

  restartEmpty(): void {
    this.flush();
    this.#dataSet += 1;
  }

  /** A failover or a restart from a snapshot: everything is as it was `ms` ago. Says whether anything was lost. */
  rollBack(ms: number): boolean {
    const then = this.#clock.now() - ms;
    const later = this.#history.findIndex(({ at }) => at > then);
    if (later >= 0) {
      this.#versions = this.#history[later]!.versions;
      this.#history.length = later;
    }
    this.#dataSet += 1;
    return later >= 0;
  }
}
