/** A mapping read a column whose value the ORM did not tell. */
export class UnknownColumn extends Error {
  constructor(name: string) {
    super(`the statement did not tell the column ${JSON.stringify(name)}`);
  }
}

/**
 * A row of which some columns may not be known. Reading one of those throws an `UnknownColumn`: no key is ever made of
 * an undefined that stands for "not told".
 *
 * @param fold names are the same when this makes them equal. @defaultValue they are as they are
 */
export function partialRow(
  known: Readonly<Record<string, unknown>>,
  fold: (name: string) => string = String,
): object {
  const names = new Map(Object.keys(known).map((name) => [fold(name), name]));
  return new Proxy(known, {
    get(row, name, receiver) {
      if (typeof name === 'symbol') return Reflect.get(row, name, receiver);
      const own = Object.hasOwn(row, name) ? name : names.get(fold(name));
      if (own === undefined) throw new UnknownColumn(name);
      return row[own];
    },
  });
}
