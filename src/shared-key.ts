/** A key that stands for all others: pushed when nobody knows what has changed. */
export const EVERYTHING = 'sse-trigger-everything';
const SHARED = 'sse-trigger-shared:';

/**
 * Where all processes write the version of a change of `key` that all of them hear of. What one of them pushes alone goes to
 * the key itself: a version that comes again from whoever is late would else take the place of one that nobody has seen.
 */
export function sharedKey(key: string): string {
  return SHARED + key;
}

/** The key that a version is about, wherever it is written. */
export function plainKey(key: string): string {
  return key.startsWith(SHARED) ? key.slice(SHARED.length) : key;
}

/** All keys whose versions say whether what is shown for `keys` may have changed, where changes are shared. */
export function withShared(keys: readonly string[]): readonly string[] {
  return [...new Set([...keys, EVERYTHING])].flatMap((key) => [key, sharedKey(key)]);
}

export function isEverything(key: string): boolean {
  return plainKey(key) === EVERYTHING;
}
