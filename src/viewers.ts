import { type Few, membersOf, withMember, withoutMember } from './few.ts';

/** The open streams of each viewer of a route, the oldest first. */
export class Viewers<Stream extends object> {
  readonly #streams = new Map<string, Few<Stream>>();

  add(viewer: string, stream: Stream): void {
    this.#streams.set(viewer, withMember(this.#streams.get(viewer), stream));
  }

  remove(viewer: string, stream: Stream): void {
    const left = withoutMember(this.#streams.get(viewer), stream);
    if (left === undefined) this.#streams.delete(viewer);
    else this.#streams.set(viewer, left);
  }

  /** Which streams have to end before `viewer` opens one more. A phone leaves dead ones behind, so the oldest go. */
  inExcess(viewer: string, most: number): Stream[] {
    const streams = [...membersOf(this.#streams.get(viewer))];
    return streams.slice(0, Math.max(0, streams.length + 1 - most));
  }
}
