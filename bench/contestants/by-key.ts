/** Things under keys. A key that has nothing takes no memory. */
export class ByKey<T> {
  readonly #sets = new Map<string, Set<T>>();

  add(key: string, thing: T): void {
    const set = this.#sets.get(key);
    if (set === undefined) this.#sets.set(key, new Set([thing]));
    else set.add(thing);
  }

  delete(key: string, thing: T): void {
    const set = this.#sets.get(key);
    if (set?.delete(thing) && set.size === 0) this.#sets.delete(key);
  }

  at(key: string): Iterable<T> {
    return this.#sets.get(key) ?? [];
  }
}
