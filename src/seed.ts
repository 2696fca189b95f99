const SEED = '-seed';

/** Makes a token that a reader writes where nothing is. */
export function toSeed(token: string): string {
  return token + SEED;
}

/** Whether nobody has pushed since there was nothing. */
export function isSeed(token: string): boolean {
  return token.endsWith(SEED);
}
