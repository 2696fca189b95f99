/** A table of a database. */
export class Books {
  readonly #lent = new Set<string>();

  async find(id: string): Promise<{ id: string; status: string }> {
    return { id, status: this.#lent.has(id) ? 'lent' : 'here' };
  }

  async lend(id: string): Promise<void> {
    this.#lent.add(id);
  }
}
