import type { SseTrigger } from '../trigger.ts';
import { type Database, DatabaseHook } from './drizzle-database.ts';
import { mapEntity } from './map-entity.ts';
import type { Change, Keys, Mapping, MappingOptions } from './mapping.ts';
import { SaveHook } from './save-hook.ts';

export type { BulkChange, Change, ChangeKind, Keys, Mapping, MappingOptions } from './mapping.ts';

/**
 * Says which keys show the rows of a table: `` on(notifications, (n) => `notifications:${n.userId}`) ``.
 *
 * @param toKeys gets a row as far as the statement told it, and what happened to it. When it reads a column that was not
 *   told, the row counts as one that is not known.
 * @throws TypeError for anything but a function, and an option that does not exist.
 */
export function on<Row, const K extends string>(
  table: { readonly $inferSelect: Row },
  toKeys: (row: Row, change: Change<Row>) => Keys<K>,
  options?: MappingOptions<K>,
): Mapping<object, K> {
  return mapEntity<object, Row, K>(table, toKeys, options);
}

/**
 * Pushes what is written through a database, each key once a transaction and after its COMMIT. It wraps the database:
 * `const db = pushAfterSave(trigger, on(…))(drizzle(pool))`.
 *
 * It knows of a row what an insert sets and what `returning` gives, and changes no SQL.
 *
 * @throws TypeError for what is no trigger, and for no mapping.
 */
export function pushAfterSave<K extends string>(
  trigger: SseTrigger<K>,
  ...mappings: readonly Mapping<object, NoInfer<K>>[]
) {
  const hook = new SaveHook<object, K>(trigger, mappings);
  return <Db extends Database>(db: Db): Db => new DatabaseHook(hook).database(db);
}
