import type { SseTrigger } from '../trigger.ts';
import { KnexTransactions } from './knex-transactions.ts';
import { mapEntity } from './map-entity.ts';
import type { Change, ChangeKind, Keys, Mapping, MappingOptions } from './mapping.ts';
import { SaveHook } from './save-hook.ts';
import { toldRow } from './told-row.ts';

export type { BulkChange, Change, ChangeKind, Keys, Mapping, MappingOptions } from './mapping.ts';

/** What is called of a class that extends Objection's `Model`, version 3. */
export interface ModelClass<Row extends object = object> {
  new (): Row;
  query(...args: never[]): unknown;
  afterInsert(written: Written): unknown;
  afterUpdate(written: Written): unknown;
  afterDelete(written: Written): unknown;
}

/** What Objection tells a static hook. */
export interface Written {
  /** A plain Knex where there is none. */
  readonly transaction: object;
  /** The instance whose query it is, or the owners of the relation. */
  readonly items: readonly object[];
  /** What was inserted, or what an update set. */
  readonly inputItems: readonly object[];
  /** How many rows were written, or rows where `returning` asked for them. */
  readonly result?: unknown;
  readonly relation?: unknown;
  readonly modelOptions?: unknown;
}

const KINDS = { afterInsert: 'insert', afterUpdate: 'update', afterDelete: 'delete' } as const;
const HOOKS = Object.keys(KINDS) as (keyof typeof KINDS)[];

/**
 * Says which keys show the rows of a model: `` on(Notification, (n) => `notifications:${n.userId}`) ``.
 *
 * @param toKeys gets a row that was written, and what happened to it. When it reads what was not selected, or left to the
 *   database, the row counts as one that is not known. An upsert comes as an insert.
 * @throws TypeError for anything but a function, and an option that does not exist.
 */
export function on<Row extends object, const K extends string>(
  model: ModelClass<Row>,
  toKeys: (row: Row, change: Change<Row>) => Keys<K>,
  options?: MappingOptions<K>,
): Mapping<ModelClass, K> {
  return mapEntity<ModelClass, Row, K>(model, toKeys, options);
}

/**
 * Pushes the keys of what is saved once it is committed, and nothing when it is rolled back. It hooks itself into the
 * classes that the mappings name, bound to a Knex or not yet; their own hooks, and those of classes that extend them, stay.
 *
 * @throws TypeError for what is no trigger, and for no mapping.
 */
export function pushAfterSave<K extends string>(
  trigger: SseTrigger<K>,
  ...mappings: readonly Mapping<ModelClass, NoInfer<K>>[]
): void {
  const hook = new SaveHook<ModelClass, K>(trigger, mappings);
  const transactions = new KnexTransactions((outer) => hook.hold(outer));
  const mapped = new Set(mappings.map(({ entity }) => entity));
  const hooked = new WeakSet<ModelClass>();
  const told = new WeakSet<Written>();

  for (const model of mapped) {
    hookInto(model);
    const { query } = model;
    // Every query begins here, so that the hooks of a class are found that extends the mapped one and does not call its.
    model.query = function (this: ModelClass, ...args) {
      hookInto(this);
      return query.apply(this, args);
    };
  }

  function hookInto(model: ModelClass): void {
    if (hooked.has(model)) return;
    hooked.add(model);
    if (!mapped.has(model)) hookInto(Object.getPrototypeOf(model));
    for (const name of HOOKS) {
      if (!mapped.has(model) && !Object.hasOwn(model, name)) continue;
      const own = model[name];
      model[name] = function (this: ModelClass, written) {
        // Before the application's own, which may throw though the row is written.
        tell(this, KINDS[name], written);
        return own.call(this, written);
      };
    }
  }

  function tell(model: ModelClass, kind: ChangeKind, written: Written): void {
    // By the hook of a class that calls the one it extends.
    if (told.has(written)) return;
    told.add(written);
    const isWritten = (entity: ModelClass) => model === entity || model.prototype instanceof entity;
    hook.statements(
      () => [{ isWritten, kinds: [kind], ...rowsOf(kind, written) }],
      transactions.heldOf(written.transaction),
    );
  }
}

/** Without rows when some were written that Objection does not tell. */
function rowsOf(
  kind: ChangeKind,
  written: Written,
): { rows: readonly object[] | undefined; before?: object | undefined } {
  const { items, inputItems, result, relation, modelOptions } = written;
  if (kind === 'insert' && mergesSome(written)) return { rows: undefined };
  if (kind === 'insert') return { rows: inputItems.map((row) => rowOf(row)) };
  const results = [result].flat();
  if (results[0] === 0) return { rows: [] };
  // The items of a relation's query are its owners.
  const item = relation === undefined ? items[0] : undefined;
  const input = kind === 'update' ? inputItems[0] : undefined;
  const before = kind === 'update' && item !== input ? item : undefined;
  const returned = results.filter((row) => typeof row === 'object' && row !== null);
  if (returned.length > 0) return { rows: returned.map((row) => rowOf(item, input, row)), before };
  if (item !== undefined) return { rows: [rowOf(item, input)], before };
  // Only `patchAndFetch` and its like have no options. Their input has become the whole row by now.
  return { rows: input !== undefined && modelOptions === undefined ? [rowOf(input)] : undefined };
}

interface Builder {
  findOperation?(name: string): { readonly args?: readonly unknown[] | null } | null;
}

/**
 * Whether a row that is there already gets some of the given values only. Objection tells a hook of that in no other way
 * than by the query, to which it has put a symbol.
 */
function mergesSome(written: Written): boolean {
  const builders = Object.getOwnPropertySymbols(written).map(
    (symbol) => (written as unknown as Record<symbol, Builder>)[symbol],
  );
  const argsOf = (name: string) =>
    builders.flatMap((builder) => builder?.findOperation?.(name)?.args ?? []).flat();
  return argsOf('merge').length > 0 && !argsOf('returning').includes('*');
}

/**
 * What is undefined is not taken, since class fields without a value make such properties. And no setter of the class is
 * called, which might throw.
 */
function rowOf(...parts: readonly (object | undefined)[]): object {
  const known = parts
    .flatMap((part) => Object.entries(part ?? {}))
    .filter(([, value]) => value !== undefined);
  const like = Object.getPrototypeOf(parts.find((part) => part !== undefined));
  // Objection does not know the columns. Whatever the class itself has, is none.
  return toldRow(Object.setPrototypeOf(Object.fromEntries(known), like), (name) => !(name in like));
}
