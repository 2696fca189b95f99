import { AsyncLocalStorage } from 'node:async_hooks';
import { HeldKeys, type Outcome } from './held-keys.ts';

/** What becomes of the keys when the work threw. */
export type OnThrow = 'push' | 'drop';

/** Holds back the pushes of units of work, which may be nested, until the outermost one has settled. */
export class PushScopes {
  readonly #current = new AsyncLocalStorage<HeldKeys>();
  readonly #push: (keys: readonly string[], isUnknown: boolean) => void;

  /** `push` gets the keys of a settled outermost unit, and whether some work in it threw after it had pushed. */
  constructor(push: (keys: readonly string[], isUnknown: boolean) => void) {
    this.#push = push;
  }

  /** Takes keys over if the caller is inside a unit of work that goes on; says whether it did. */
  take(keys: readonly string[]): boolean {
    return this.#current.getStore()?.take(keys) ?? false;
  }

  async run<T>(work: () => T | PromiseLike<T>, onThrow: OnThrow): Promise<T> {
    const held = new HeldKeys(this.#push, this.#current.getStore());
    let outcome: Outcome = 'done';
    try {
      return await this.#current.run(held, async () => await work());
    } catch (error) {
      outcome = onThrow === 'drop' ? 'undone' : 'unknown';
      throw error;
    } finally {
      held.settle(outcome);
    }
  }
}
