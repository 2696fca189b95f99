/** Lets so many callbacks run at once; the others wait in the order in which they came. */
export class Gate {
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(slots: number) {
    this.#free = slots;
  }

  /** Begins `work` as soon as there is room, which it takes until it settles. Returns what takes it out of the queue again. */
  enter(work: () => Promise<void>): () => void {
    const begin = () => {
      this.#free -= 1;
      void work().finally(() => {
        this.#free += 1;
        this.#admit();
      });
    };
    this.#waiting.add(begin);
    this.#admit();
    return () => this.#waiting.delete(begin);
  }

  #admit(): void {
    for (const begin of this.#waiting) {
      if (this.#free === 0) return;
      this.#waiting.delete(begin);
      begin();
    }
  }
}
