/** Work that waits for its turn. */
export interface Job {
  /** Takes the room that was given until it settles. Never rejects. */
  run(): Promise<void>;
}

/** Lets so many jobs run at once; the others wait in the order in which they came. */
export class Gate {
  readonly #waiting = new Set<Job>();
  #free: number;

  constructor(slots: number) {
    this.#free = slots;
  }

  /** Runs `job` as soon as there is room. */
  enter(job: Job): void {
    this.#waiting.add(job);
    this.#admit();
  }

  /** Takes it out of the queue again, if it has not begun. */
  leave(job: Job): void {
    this.#waiting.delete(job);
  }

  #admit(): void {
    for (const job of this.#waiting) {
      if (this.#free === 0) return;
      this.#waiting.delete(job);
      void this.#run(job);
    }
  }

  async #run(job: Job): Promise<void> {
    this.#free -= 1;
    await job.run();
    this.#free += 1;
    this.#admit();
  }
}
