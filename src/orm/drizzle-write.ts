import { insertedRows } from './inserted-rows.ts';
import type { ChangeKind } from './mapping.ts';
import { partialRow } from './partial-row.ts';
import type { Statement } from './save-hook.ts';

/** What is read here of an insert, update or delete that Drizzle has built. */
export interface WriteQuery {
  readonly config: {
    readonly table: object;
    /** Of an insert, unless it inserts what it selects: of each column a `Param`, or SQL. */
    readonly values?: unknown;
    readonly where?: unknown;
    /** The columns that it gives, in order. */
    readonly returning?: readonly { readonly path: readonly string[]; readonly field: unknown }[];
    readonly onConflict?: unknown;
  };
  toSQL(): { readonly sql: string };
}

type Row = Readonly<Record<string, unknown>>;

const COLUMNS = Symbol.for('drizzle:Columns');
const ENTITY_KIND = Symbol.for('drizzle:entityKind');

/**
 * What a query did that has given `answer`: rows, if it has a `returning`, and else what the driver counts. Or what it may
 * have done that has given nothing.
 */
export function tableWrite(
  kind: ChangeKind,
  query: WriteQuery,
  answer: unknown,
  placeholders: Row,
): Statement<object> {
  const { table, values, where } = query.config;
  const isWritten = (mapped: object) => mapped === table;
  const returned = returnedRows(query, answer);
  if (kind !== 'insert') {
    const isNone = query.config.returning === undefined && countsNone(answer);
    return { isWritten, kinds: [kind], rows: isNone ? [] : known(returned), where };
  }
  const isUpsert = canUpdate(query);
  const given = Array.isArray(values)
    ? (values as Row[]).map((row) => givenValues(row, placeholders))
    : undefined;
  const rows = known(insertedRows({ values: given, returned, isUpsert }));
  return { isWritten, kinds: isUpsert ? ['insert', 'update'] : ['insert'], rows, where };
}

function known(rows: readonly Row[] | undefined): object[] | undefined {
  return rows?.map((row) => partialRow(row));
}

/** By the names that the table has for them, whatever `returning` calls them. */
function returnedRows({ config }: WriteQuery, answer: unknown): Row[] | undefined {
  const { table, returning } = config;
  if (returning === undefined || !Array.isArray(answer)) return undefined;
  const columns = Object.entries((table as { [COLUMNS]: object })[COLUMNS]);
  const paths = columns.flatMap(([name, column]) => {
    const path = returning.find(({ field }) => field === column)?.path;
    return path === undefined ? [] : [{ name, path }];
  });
  return answer.map((row: unknown) =>
    knownValues(paths.map(({ name, path }) => [name, path.reduce(valueIn, row)])),
  );
}

/** A part of what a query gives may be null: that of a joined table without a row. */
function valueIn(row: unknown, name: string): unknown {
  return (Object(row) as Row)[name];
}

/** What is undefined was not told, or is left to the database. */
function knownValues(values: readonly (readonly [string, unknown])[]): Row {
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

/** Not those that the database computes. */
function givenValues(row: Row, placeholders: Row): Row {
  const given = Object.entries(row).flatMap(([name, param]): [string, unknown][] => {
    if (entityKind(param) !== 'Param') return [];
    const { value } = param as { readonly value: unknown };
    if (entityKind(value) !== 'Placeholder') return [[name, value]];
    return [[name, placeholders[(value as { readonly name: string }).name]]];
  });
  return knownValues(given);
}

function entityKind(value: unknown): unknown {
  return (Object(value) as { constructor?: { [ENTITY_KIND]?: unknown } }).constructor?.[ENTITY_KIND];
}

/** Every dialect keeps its clause in a form of its own, but all say the same in SQL. */
function canUpdate(query: WriteQuery): boolean {
  if (query.config.onConflict === undefined) return false;
  return /\bdo update set\b|\bon duplicate key update\b/i.test(query.toSQL().sql);
}

/** Drivers of MySQL give the count as the first of several things. */
function countsNone(answer: unknown): boolean {
  const { rowCount, rowsAffected, affectedRows, changes } = Object([answer].flat()[0]) as Row;
  return (rowCount ?? rowsAffected ?? affectedRows ?? changes) === 0;
}
