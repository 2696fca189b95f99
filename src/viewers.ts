/** The open streams of each viewer, the oldest first. */
export class Viewers<Stream> {
  readonly #streams = new Map<string, Set<Stream>>();

  add(viewer: string, stream: Stream): void {
    const streams = this.#streams.get(viewer) ?? new Set();
    this.#streams.set(viewer, streams.add(stream));
  }

  remove(viewer: string, stream: Stream): void {
    const streams = this.#streams.get(viewer);
    streams?.delete(stream);
    if (streams?.size === 0) this.#streams.delete(viewer);
  }

  /** Which streams have to end before `viewer` opens one more. A phone leaves dead ones behind, so the oldest go. */
  inExcess(viewer: string, most: number): Stream[] {
    const streams = [...(this.#streams.get(viewer) ?? [])];
    return streams.slice(0, Math.max(0, streams.length + 1 - most));
  }
}
