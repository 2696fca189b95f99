import { hash } from 'node:crypto';

/** The place in an id of a feed of which nothing was sent, or whose version was not known. */
const NONE = '-';
const LENGTH = 11;
const FORM = /^[\w-]{11}$/;

/**
 * What a stream shows, as 11 characters of an id: a hash of everything that a result depends on, so that an id stands
 * exactly as long as what was sent with it. It tells an outsider nothing.
 */
export function toPosition(parts: readonly unknown[]): string {
  return hash('sha256', JSON.stringify(parts), 'base64url').slice(0, LENGTH);
}

/** The id of a connection that shows several feeds. */
export function joinPositions(positions: readonly (string | undefined)[]): string {
  return positions.map((position) => position ?? NONE).join('.');
}

/** Reads a `Last-Event-ID` back. Whatever is not an id of ours stands for nothing, which costs a full frame. */
export function splitPositions(lastEventId: unknown, feeds: number): readonly (string | undefined)[] {
  const nothing = new Array<undefined>(feeds).fill(undefined);
  if (typeof lastEventId !== 'string' || lastEventId.length > feeds * (LENGTH + 1)) return nothing;
  const parts = lastEventId.split('.');
  if (parts.length !== feeds) return nothing;
  return parts.map((part) => (FORM.test(part) ? part : undefined));
}
