/** The least and the most of milliseconds, from which every client gets its own. */
export type Range = readonly [least: number, most: number];

/** After a planned end: the client comes back soon, but not all clients in one moment. */
export const SOON: Range = [200, 1000];

/** For a client that had better not come back soon. */
export const LATER: Range = [30_000, 60_000];

export function pick([least, most]: Range, random: () => number): number {
  return Math.round(least + (most - least) * random());
}
