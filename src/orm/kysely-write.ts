import { insertedRows } from './inserted-rows.ts';
import { type ReturningNode, returnedColumns } from './kysely-returning.ts';
import type { ChangeKind } from './mapping.ts';
import { partialRow } from './partial-row.ts';
import type { Statement } from './save-hook.ts';

/** What a driver answers to a query. */
export interface QueryResult {
  readonly numAffectedRows?: bigint | undefined;
  readonly rows: readonly unknown[];
}

type Row = Readonly<Record<string, unknown>>;

/** What is read here of the nodes of Kysely's queries. A node of one kind has a part of it. */
interface QueryNode {
  readonly kind: string;
  readonly with?: { readonly expressions: readonly { readonly expression: QueryNode }[] };
  readonly explain?: object;
  /** Of an insert and a merge, an update, and a delete. */
  readonly into?: TableNode;
  readonly table?: TableNode;
  readonly from?: TableNode;
  readonly where?: unknown;
  readonly using?: object;
  readonly joins?: readonly object[];
  readonly returning?: ReturningNode;
  readonly output?: ReturningNode;
  readonly columns?: readonly { readonly column: { readonly name: string } }[];
  readonly values?: { readonly kind: string; readonly values?: readonly ValueList[] };
  readonly onConflict?: { readonly updates?: object };
  readonly onDuplicateKey?: object;
  readonly replace?: boolean;
  readonly orAction?: { readonly action: string };
}

/** A table, an alias of one, or a list of either. */
interface TableNode {
  readonly kind: string;
  readonly table?: {
    readonly schema?: { readonly name: string };
    readonly identifier: { readonly name: string };
  };
  readonly node?: TableNode;
  readonly alias?: { readonly name?: string };
  readonly items?: readonly TableNode[];
  readonly froms?: readonly TableNode[];
}

interface ValueList {
  readonly kind: string;
  readonly values: readonly unknown[];
}

interface Target {
  readonly kinds: readonly ChangeKind[];
  /** By which SQL Server calls the rows as they are afterwards, or were when they were deleted. */
  readonly output: string;
  of(node: QueryNode): TableNode | undefined;
  isJoined(node: QueryNode): boolean;
}

const TARGETS: Readonly<Record<string, Target>> = {
  InsertQueryNode: {
    kinds: ['insert'],
    output: 'inserted',
    of: ({ into }) => into,
    isJoined: () => false,
  },
  UpdateQueryNode: {
    kinds: ['update'],
    output: 'inserted',
    of: ({ table }) => table,
    isJoined: ({ from, joins }) => from !== undefined || joins !== undefined,
  },
  DeleteQueryNode: {
    kinds: ['delete'],
    output: 'deleted',
    of: ({ from }) => from,
    isJoined: ({ using, joins }) => using !== undefined || joins !== undefined,
  },
  MergeQueryNode: {
    kinds: ['insert', 'update', 'delete'],
    output: '', // neither of both is there for all of the three
    of: ({ into }) => into,
    isJoined: () => true,
  },
};

/** What a query wrote, or may have written when there is no result. `query` is Kysely's operation node. */
export function tableWrites(query: object, result: QueryResult | undefined): Statement<string>[] {
  const node = query as QueryNode;
  if (node.explain !== undefined) return [];
  return [...writesOf(node, result), ...writesInWith(node)];
}

/** Writes within the query answer to nobody but the query. */
function writesInWith(node: QueryNode): Statement<string>[] {
  const inner = node.with?.expressions.map(({ expression }) => expression) ?? [];
  return inner.flatMap((expression) => [...writesOf(expression, undefined), ...writesInWith(expression)]);
}

function writesOf(node: QueryNode, result: QueryResult | undefined): Statement<string>[] {
  const hasAnswer = node.returning !== undefined || node.output !== undefined;
  const answered = hasAnswer ? (result?.rows as Row[] | undefined) : undefined;
  if (result?.numAffectedRows === 0n && !answered?.length) return [];
  const target = TARGETS[node.kind];
  if (target === undefined) return [];
  const tables = writtenTables(target.of(node));
  const isJoined = tables.length > 1 || target.isJoined(node);
  const isUpsert = canReplace(node);
  const kinds: readonly ChangeKind[] = isUpsert ? ['insert', 'update'] : target.kinds;
  return tables.map(({ name, reference }) => {
    const table = { reference: node.output === undefined ? reference : target.output, isJoined };
    const selected = node.returning ?? node.output;
    const returned = selected && answered && returnedColumns(answered, selected, table);
    const isInsert = node.kind === 'InsertQueryNode';
    const known = isInsert ? insertedRows({ values: valuesOf(node), returned, isUpsert }) : returned;
    const rows = known?.map((row) => partialRow(row, foldName));
    return { isWritten: (mapped) => isSameTable(mapped, name), kinds, rows, where: node.where };
  });
}

/** Where only one of the two names a schema, it is taken for the same: one look too many does no harm. */
function isSameTable(mapped: string, written: string): boolean {
  const [table, schema] = foldName(mapped).split('.').reverse();
  const [otherTable, otherSchema] = foldName(written).split('.').reverse();
  return table === otherTable && (schema ?? otherSchema) === (otherSchema ?? schema);
}

/** The same for notifications.user_id and Notifications.userId, since a CamelCasePlugin stands before the dialect. */
function foldName(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}

/** The tables of a query, each with the name that the query has for it. */
function writtenTables(node: TableNode | undefined, alias?: string): { name: string; reference: string }[] {
  if (node === undefined) return [];
  if (node.table !== undefined) {
    const { schema, identifier } = node.table;
    const name = schema === undefined ? identifier.name : `${schema.name}.${identifier.name}`;
    return [{ name, reference: alias ?? identifier.name }];
  }
  const inner = [node.node, ...(node.items ?? []), ...(node.froms ?? [])];
  return inner.flatMap((one) => writtenTables(one, node.alias?.name));
}

function canReplace({ onConflict, onDuplicateKey, replace, orAction }: QueryNode): boolean {
  const isReplace = replace === true || orAction?.action === 'replace';
  return isReplace || onConflict?.updates !== undefined || onDuplicateKey !== undefined;
}

/** Not those that the database computes. */
function valuesOf({ columns = [], values }: QueryNode): Row[] | undefined {
  if (values?.kind !== 'ValuesNode') return undefined;
  return values.values?.map((list) => {
    const isPlain = list.kind === 'PrimitiveValueListNode';
    const known = columns.flatMap(({ column }, i): [string, unknown][] => {
      const value = list.values[i];
      if (isPlain) return [[column.name, value]];
      const node = value as { readonly kind: string; readonly value?: unknown };
      return node.kind === 'ValueNode' ? [[column.name, node.value]] : [];
    });
    return Object.fromEntries(known);
  });
}
