/** A table of a database. */
export class Orders {
  readonly #statuses = new Map<string, string>();

  async find(id: string): Promise<{ id: string; status: string }> {
    return { id, status: this.#statuses.get(id) ?? 'packed' };
  }

  async ship(id: string): Promise<void> {
    this.#statuses.set(id, 'shipped');
  }
}
