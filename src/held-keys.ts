/** What became of the work that keys were held for. 'unknown': it may have been carried out, or still be. */
export type Outcome = 'done' | 'undone' | 'unknown';

/**
 * The keys of one unit of work, held back until it has settled. Those of an inner unit go to the one around it, and those
 * of the outermost are pushed.
 */
export class HeldKeys {
  readonly #keys = new Set<string>();
  readonly #push: (keys: readonly string[], isUnknown: boolean) => void;
  readonly #outer: HeldKeys | undefined;
  #isOpen = true;
  #isUnknown = false;

  /** `push` gets the keys of a settled outermost unit, and whether the outcome of some work in it is unknown. */
  constructor(push: (keys: readonly string[], isUnknown: boolean) => void, outer?: HeldKeys | undefined) {
    this.#push = push;
    this.#outer = outer;
  }

  /** Takes keys over, if this unit or one around it goes on; says whether one does. */
  take(keys: Iterable<string>): boolean {
    const unit = this.#openUnit();
    if (unit === undefined) return false;
    for (const key of keys) unit.#keys.add(key);
    return true;
  }

  /** Keys of work that was undone are dropped. Only the first call counts. */
  settle(outcome: Outcome): void {
    this.#isOpen = false;
    if (outcome === 'undone') this.#keys.clear();
    if (this.#keys.size === 0) return;
    const isUnknown = this.#isUnknown || outcome === 'unknown';
    const outer = this.#openUnit();
    if (outer === undefined) {
      this.#push([...this.#keys], isUnknown);
    } else {
      outer.#isUnknown ||= isUnknown;
      outer.take(this.#keys);
    }
    this.#keys.clear();
  }

  #openUnit(): HeldKeys | undefined {
    if (this.#isOpen) return this;
    return this.#outer === undefined ? undefined : this.#outer.#openUnit();
  }
}
