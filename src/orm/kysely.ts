import type { SseTrigger } from '../trigger.ts';
import { type Driver, hookDriver } from './kysely-driver.ts';
import { mapEntity } from './map-entity.ts';
import type { Change, Keys, Mapping, MappingOptions } from './mapping.ts';
import { SaveHook } from './save-hook.ts';

export type { BulkChange, Change, ChangeKind, Keys, Mapping, MappingOptions } from './mapping.ts';

/** What a query gives of a row: Kysely's `Selectable`. */
export type Selected<Table> = {
  [Column in keyof Table as Select<Table[Column]> extends never ? never : Column]: Select<Table[Column]>;
};
type Select<Column> = Column extends { readonly __select__: infer Value } ? Value : Column;

interface Dialect {
  createDriver(): Driver;
  createQueryCompiler(): unknown;
  createAdapter(): unknown;
  createIntrospector(db: never): unknown;
}

/**
 * Says which keys show the rows of a table: `` on<DB>()('notifications', (n) => `notifications:${n.user_id}`) ``.
 * `DB` is the interface that your Kysely has.
 *
 * @param toKeys gets a row as far as the statement told it, and what happened to it. When it reads a column that was not
 *   told, the row counts as one that is not known.
 * @throws TypeError for anything but a function, and an option that does not exist.
 */
export function on<DB>() {
  return <Table extends keyof DB & string, const K extends string>(
    table: Table,
    toKeys: (row: Selected<DB[Table]>, change: Change<Selected<DB[Table]>>) => Keys<K>,
    options?: MappingOptions<K>,
  ): Mapping<string, K> => mapEntity(table, toKeys, options);
}

/**
 * Pushes what queries write, each key once a transaction and after its COMMIT. It wraps the dialect:
 * `new Kysely<DB>({ dialect: pushAfterSave(trigger, on<DB>()(…))(new PostgresDialect({ pool })) })`.
 *
 * It knows of a row what an insert sets and what `returning` gives.
 *
 * @throws TypeError for what is no trigger, and for no mapping.
 */
export function pushAfterSave<K extends string>(
  trigger: SseTrigger<K>,
  ...mappings: readonly Mapping<string, NoInfer<K>>[]
) {
  const hook = new SaveHook<string, K>(trigger, mappings);
  return <D extends Dialect>(dialect: D): Pick<D, keyof Dialect> => {
    const wrapped: Dialect = {
      createDriver: () => hookDriver(dialect.createDriver(), hook),
      createQueryCompiler: () => dialect.createQueryCompiler(),
      createAdapter: () => dialect.createAdapter(),
      createIntrospector: (db) => dialect.createIntrospector(db),
    };
    return wrapped as Pick<D, keyof Dialect>;
  };
}
