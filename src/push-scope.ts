import { AsyncLocalStorage } from 'node:async_hooks';

/** The keys of one unit of work, kept until it has settled. */
interface Scope {
  readonly keys: Set<string>;
  readonly parent: Scope | undefined;
  open: boolean;
  /** Work threw here or in a unit that handed its keys on, so it is not known whether what it did was undone. */
  threw: boolean;
}

/** What becomes of the keys when the work threw. */
export type OnThrow = 'push' | 'drop';

/** Holds back the pushes of units of work, which may be nested, until the outermost one has settled. */
export class PushScopes {
  readonly #current = new AsyncLocalStorage<Scope>();
  readonly #push: (keys: readonly string[], threw: boolean) => void;

  /** `push` gets the keys of a settled outermost unit, and whether some work in it threw after it had pushed. */
  constructor(push: (keys: readonly string[], threw: boolean) => void) {
    this.#push = push;
  }

  /** Takes keys over if the caller is inside a unit of work that goes on; says whether it did. */
  take(keys: readonly string[]): boolean {
    const scope = openScope(this.#current.getStore());
    for (const key of keys) scope?.keys.add(key);
    return scope !== undefined;
  }

  async run<T>(work: () => T | PromiseLike<T>, onThrow: OnThrow): Promise<T> {
    const scope: Scope = { keys: new Set(), parent: this.#current.getStore(), open: true, threw: false };
    try {
      return await this.#current.run(scope, async () => await work());
    } catch (error) {
      scope.threw = true;
      if (onThrow === 'drop') scope.keys.clear();
      throw error;
    } finally {
      scope.open = false;
      this.#handOn(scope);
    }
  }

  #handOn(scope: Scope): void {
    if (scope.keys.size === 0) return;
    const parent = openScope(scope.parent);
    if (parent === undefined) {
      this.#push([...scope.keys], scope.threw);
    } else {
      parent.threw ||= scope.threw;
      for (const key of scope.keys) parent.keys.add(key);
    }
  }
}

/** The innermost unit of work that has not settled. */
function openScope(scope: Scope | undefined): Scope | undefined {
  let current = scope;
  while (current !== undefined && !current.open) current = current.parent;
  return current;
}
