import { UnknownColumn } from './partial-row.ts';

/**
 * The row itself, but to read a column of it that is undefined throws an `UnknownColumn`: it was not selected, or left to
 * the database. Getters and methods of the row read through it, too.
 */
export function toldRow<Row extends object>(row: Row, isColumn: (name: string) => boolean): Row {
  return new Proxy(row, {
    get(known, name, receiver) {
      const value = Reflect.get(known, name, receiver);
      if (value === undefined && typeof name === 'string' && isColumn(name)) throw new UnknownColumn(name);
      return value;
    },
  });
}
