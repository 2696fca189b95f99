import { UnknownColumn } from './partial-row.ts';

/**
 * The row itself, but to read what is undefined at one of `paths` throws an `UnknownColumn`: it was not loaded, or left to
 * the database. What is embedded has a path such as `address.street`.
 */
export function toldPaths(row: object, paths: ReadonlySet<string>): object {
  return new Proxy(row, {
    get(known, name, receiver) {
      const value = Reflect.get(known, name, receiver);
      if (typeof name === 'symbol') return value;
      const inner = pathsWithin(paths, name);
      if (inner.size === 0 && !paths.has(name)) return value;
      // A column that is given as a function has what its SQL comes to, which nobody tells.
      if (value === undefined || typeof value === 'function') throw new UnknownColumn(name);
      const isEmbedded = inner.size > 0 && typeof value === 'object' && value !== null;
      return isEmbedded ? toldPaths(value, inner) : value;
    },
  });
}

/** The paths that begin with this name, from there on. */
export function pathsWithin(paths: ReadonlySet<string>, name: string): ReadonlySet<string> {
  const begin = `${name}.`;
  return new Set([...paths].filter((path) => path.startsWith(begin)).map((path) => path.slice(begin.length)));
}
