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
  readonly #name: string;
  readonly #versions = new Map<string, string>();
  /** What each write took the place of, and when. */
  readonly #history: { at: number; key: string; before: string | undefined }[] = [];
  #dataSet = 1;

  /** `name` tells its data sets from those of other nodes. */
  constructor(clock: Clock, name: string) {
    this.#clock = clock;
    this.#name = name;
  }

  get(key: string): Reading {
    const token = this.#versions.get(key);
    return token === undefined ? undefined : { token, identity: `${this.#name}, set ${this.#dataSet}` };
  }

  tokenOf(key: string): string | undefined {
    return this.#versions.get(key);
  }

  set(key: string, token: string): void {
    this.#history.push({ at: this.#clock.now(), key, before: this.#versions.get(key) });
    this.#versions.set(key, token);
  }

  add(key: string, token: string): void {
    if (!this.#versions.has(key)) this.set(key, token);
  }

  flush(): void {
    this.#versions.clear();
    this.#history.length = 0;
  }

  restartEmpty(): void {
    this.flush();
    this.#dataSet += 1;
  }

  /** A failover or a restart from a snapshot: everything is as it was `ms` ago. Says whether anything was lost. */
  rollBack(ms: number): boolean {
    const then = this.#clock.now() - ms;
    let isLost = false;
    for (let last = this.#history.at(-1); last !== undefined && last.at > then; last = this.#history.at(-1)) {
      this.#history.pop();
      if (last.before === undefined) this.#versions.delete(last.key);
      else this.#versions.set(last.key, last.before);
      isLost = true;
    }
    this.#dataSet += 1;
    return isLost;
  }
}
