/** How often what has happened, so that nobody believes in a fault that never comes. */
export class Tally {
  readonly #counts = new Map<string, number>();

  count(what: string, times = 1): void {
    this.#counts.set(what, this.of(what) + times);
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  add(other: Tally): void {
    for (const [what, times] of other.#counts) this.count(what, times);
  }

  /** In the order of their names. */
  get entries(): readonly (readonly [what: string, times: number])[] {
    return [...this.#counts].sort(([one], [other]) => one.localeCompare(other));
  }
}
