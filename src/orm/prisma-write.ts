import type { ChangeKind } from './mapping.ts';
import { partialRow } from './partial-row.ts';
import type { Statement } from './save-hook.ts';

type Row = Readonly<Record<string, unknown>>;
type Columns = Readonly<Record<string, unknown>>;

/** The arguments of an operation, as far as they are read here. */
export interface Args {
  readonly data?: unknown;
  readonly where?: unknown;
  readonly select?: Columns | null | undefined;
  readonly omit?: Columns | null | undefined;
}

/** The operations that write, and what each does to rows of its model. */
export const KINDS: ReadonlyMap<string, readonly ChangeKind[]> = new Map([
  ['create', ['insert']],
  ['createMany', ['insert']],
  ['createManyAndReturn', ['insert']],
  ['update', ['update']],
  ['updateMany', ['update']],
  ['updateManyAndReturn', ['update']],
  ['upsert', ['insert', 'update']],
  ['delete', ['delete']],
  ['deleteMany', ['delete']],
]);

/** What was done to rows of a model. */
export type ModelWrite = Omit<Statement<object>, 'isWritten'>;

/** What an operation did that has given `result`. */
export function modelWrite(operation: string, args: Args, result: unknown): ModelWrite {
  if (operation === 'createMany') return attemptedWrite(operation, args);
  if (!operation.endsWith('Many')) return write(operation, args, rowsOf(result));
  const { count } = Object(result) as { readonly count?: unknown };
  return write(operation, args, count === 0 ? [] : undefined);
}

/** What an operation did, or may have done, that has not given the rows. */
export function attemptedWrite(operation: string, args: Args): ModelWrite {
  const isInsert = operation.startsWith('create');
  return write(operation, args, isInsert ? rowsOf(args.data).map(givenColumns) : undefined);
}

function write(operation: string, { where }: Args, known: readonly Row[] | undefined): ModelWrite {
  return { kinds: KINDS.get(operation) ?? [], rows: known?.map((row) => partialRow(row)), where };
}

/** One row or several. */
function rowsOf(given: unknown): Row[] {
  return [given].flat().filter((row): row is Row => typeof row === 'object' && row !== null);
}

/** Whether it was said that an operation was not carried out. Otherwise only the answer may be missing. */
export function wasNotCarriedOut(error: unknown): boolean {
  const { name, code } = Object(error) as { readonly name?: unknown; readonly code?: unknown };
  return name === 'PrismaClientValidationError' || (typeof code === 'string' && code.startsWith('P2'));
}

/** What is undefined is left to the database. */
function givenColumns(row: Row): Row {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined));
}

/** Asks for all of `columns`, since a mapping may read one that `select` or `omit` leaves out. */
export function widen(args: Args, columns: readonly string[]): Args {
  const { select, omit } = args;
  // Prisma refuses to select nothing.
  if (select) return isEmpty(select) ? args : { ...args, select: { ...select, ...allAs(true, columns) } };
  if (omit)
    return {
      ...args,
      omit: {
        ...omit,
        ...allAs(
          false,
          columns.filter((column) => column in omit),
        ),
      },
    };
  return args;
}

function isEmpty(select: Columns): boolean {
  return !Object.values(select).some(Boolean);
}

/**
 * Hides what `args` did not ask for. It stays readable by its name, because fields that are computed from it by another
 * extension have yet to read it.
 */
export function hideUnasked({ select, omit }: Args, columns: readonly string[], result: unknown): void {
  if (!select && !omit) return;
  const isAsked = (column: string) => (select ? select[column] === true : omit?.[column] !== true);
  const hidden = columns.filter((column) => !isAsked(column));
  for (const row of rowsOf(result)) {
    for (const column of hidden) {
      if (Object.hasOwn(row, column)) Reflect.defineProperty(row, column, { enumerable: false });
    }
  }
}

function allAs(value: boolean, columns: readonly string[]): Columns {
  return Object.fromEntries(columns.map((column) => [column, value]));
}
