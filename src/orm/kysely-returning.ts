type Row = Readonly<Record<string, unknown>>;

/** A `returning`, or the `output` of SQL Server. */
export interface ReturningNode {
  readonly selections: readonly { readonly selection?: SelectedNode }[];
}

/** A column, all columns, an alias of something, or an expression. */
interface SelectedNode {
  readonly kind: string;
  readonly column?: { readonly kind?: string; readonly name?: string; readonly column?: { name: string } };
  readonly table?: { readonly table: { readonly identifier: { readonly name: string } } };
  readonly node?: SelectedNode;
  readonly alias?: { readonly name?: string };
}

/** The table that was written, by the name that the query has for it. */
export interface WrittenTable {
  readonly reference: string;
  /** Whether `*` gives columns of other tables as well. */
  readonly isJoined: boolean;
}

/** A name in the answer, and the column of the table that is behind it, if one is. */
interface Given {
  readonly name: string | undefined;
  readonly column: string | undefined;
}

/**
 * The columns of the table in what a query has answered, by their own names. Not those of other tables, nor what another
 * column or an expression is called.
 */
export function returnedColumns(
  rows: readonly Row[],
  { selections }: ReturningNode,
  table: WrittenTable,
): readonly Row[] {
  const nodes = selections.flatMap(({ selection }) => (selection === undefined ? [] : [selection]));
  const stars = nodes.filter(isStar);
  const given = nodes.filter((node) => !isStar(node)).map((node) => givenBy(node, table));
  if (stars.some((star) => !isOf(star, table) || (table.isJoined && star.table === undefined)))
    return rows.map(() => ({}));
  const renamed = given.filter(({ name, column }) => name !== column).map(({ name }) => name);
  if (stars.length > 0)
    return rows.map((row) =>
      pick(
        row,
        Object.keys(row)
          .filter((name) => !renamed.includes(name))
          .map((name) => ({ name, column: name })),
      ),
    );
  const clear = given.filter(({ name, column }) =>
    given.every((other) => other.name !== name || other.column === column),
  );
  return rows.map((row) => pick(row, clear));
}

function pick(row: Row, given: readonly Given[]): Row {
  const columns = given.flatMap(({ name, column }): [string, unknown][] =>
    name === undefined || column === undefined ? [] : [[column, row[name]]],
  );
  return Object.fromEntries(columns);
}

function givenBy(node: SelectedNode, table: WrittenTable): Given {
  const { alias, node: aliased = node } = node;
  // That of a reference has a table beside it.
  const name = aliased.column?.column?.name ?? aliased.column?.name;
  const column = isOf(aliased, table) ? name : undefined;
  return { name: alias === undefined ? name : alias.name, column };
}

function isStar({ kind, column }: SelectedNode): boolean {
  return kind === 'SelectAllNode' || column?.kind === 'SelectAllNode';
}

function isOf({ table }: SelectedNode, { reference }: WrittenTable): boolean {
  return table === undefined || table.table.identifier.name === reference;
}
