interface Notification {
  readonly id: number;
  readonly userId: string;
  readonly text: string;
}

/** A table of a database. */
export class Notifications {
  readonly #unread: Notification[] = [];
  #ids = 0;

  async add(userId: string, text: string): Promise<void> {
    this.#ids += 1;
    this.#unread.push({ id: this.#ids, userId, text });
  }

  async read(userId: string, id: number): Promise<void> {
    const index = this.#unread.findIndex((row) => row.userId === userId && row.id === id);
    if (index >= 0) this.#unread.splice(index, 1);
  }

  async unreadOf(userId: string): Promise<Pick<Notification, 'id' | 'text'>[]> {
    return this.#unread.filter((row) => row.userId === userId).map(({ id, text }) => ({ id, text }));
  }
}
