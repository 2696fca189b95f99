/** In milliseconds: Node's timers take no more. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/** @throws TypeError for a name that is not an option: a misspelt one would be ignored without a word. */
export function requireKnown(where: string, options: object | null, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`${where} takes its options as an object with some of ${names.join(', ')}`);
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) {
      throw new TypeError(`${where} has no option ${JSON.stringify(name)}; it has ${names.join(', ')}`);
    }
  }
}

/** @throws TypeError unless `value` is a number of milliseconds from `least` to some 24 days. */
export function requireMs(name: string, value: unknown, least = 1): number {
  if (typeof value === 'number' && value >= least && value <= LONGEST_TIMER) return value;
  throw new TypeError(
    `${name} must be a number of milliseconds from ${least} to ${LONGEST_TIMER}, got ${String(value)}`,
  );
}

/** @throws TypeError unless `value` is a whole number of at least `least`, or Infinity. */
export function requireCount(name: string, value: unknown, least = 1): number {
  if (value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && (value as number) >= least)) {
    return value as number;
  }
  throw new TypeError(
    `${name} must be a whole number of ${least} or more, or Infinity, got ${String(value)}`,
  );
}

/** @throws TypeError unless `value` is two numbers of whole milliseconds, the smaller first. */
export function requireMsRange(name: string, value: unknown): readonly [number, number] {
  const [least, most, ...more] = Array.isArray(value) ? (value as unknown[]) : [];
  const areWhole = Number.isSafeInteger(least) && Number.isSafeInteger(most) && more.length === 0;
  if (
    areWhole &&
    (least as number) >= 0 &&
    (least as number) <= (most as number) &&
    (most as number) <= LONGEST_TIMER
  ) {
    return [least as number, most as number];
  }
  throw new TypeError(
    `${name} must be [least, most] in whole milliseconds, such as [2000, 5000], got ${String(value)}`,
  );
}

/** @throws TypeError unless `value` is a string. */
export function requireString(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new TypeError(`${name} must be a string, got ${typeof value}`);
}

/** @throws TypeError unless `value` is true or false. */
export function requireBoolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new TypeError(`${name} must be true or false, got ${typeof value}`);
}

/** @throws TypeError unless `value` is a function. */
export function requireFunction<F>(name: string, value: F, mend: string): F {
  if (typeof value === 'function') return value;
  throw new TypeError(`${name} must be a function: ${mend}`);
}
