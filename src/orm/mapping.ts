/** What happened to a row. A soft delete is a delete, and its end an insert. */
export type ChangeKind = 'insert' | 'update' | 'delete';

export interface Change<Row> {
  readonly kind: ChangeKind;
  /** What the ORM knows of the row as it was before an update: all of it, some of its columns, or nothing. */
  readonly before: Partial<Row> | undefined;
}

/** A write of rows that the ORM does not tell, such as an update of all that match a condition. */
export interface BulkChange {
  readonly kind: ChangeKind;
  /** The condition in the ORM's own form, where it tells it. */
  readonly where: unknown;
}

/** One key, several, or none. */
export type Keys<K extends string> = K | readonly K[] | null | undefined;

export interface MappingOptions<K extends string> {
  /**
   * The keys of all that a bulk write may have changed.
   *
   * @defaultValue none: such a write pushes nothing, and `onError` is told so once an entity, with `rows_unknown`
   */
  bulk?: ((change: BulkChange) => Keys<K>) | undefined;
}

/** Which keys show the rows of an entity. Made by an adapter's `on`. */
export interface Mapping<Entity, K extends string> {
  readonly entity: Entity;
  toKeys(row: unknown, change: Change<unknown>): Keys<K>;
  readonly bulk: ((change: BulkChange) => Keys<K>) | undefined;
}
