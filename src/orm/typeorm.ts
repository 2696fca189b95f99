import type { SseTrigger } from '../trigger.ts';
import { mapEntity } from './map-entity.ts';
import type { Change, ChangeKind, Keys, Mapping, MappingOptions } from './mapping.ts';
import { SaveHook } from './save-hook.ts';
import { type Properties, type Property, savedEntity, toldEntity } from './typeorm-row.ts';
import { type QueryRunner, TypeOrmTransactions } from './typeorm-transactions.ts';

export type { BulkChange, Change, ChangeKind, Keys, Mapping, MappingOptions } from './mapping.ts';

type EntityClass<Row> = abstract new (...args: never[]) => Row;

/** Its type tells the names of the properties of a row, but not what they are. */
interface EntitySchema<Row> {
  readonly options: {
    readonly name: string;
    readonly target?: unknown;
    readonly columns: { readonly [Name in keyof Row]?: unknown };
  };
}

/** What `on` takes: the class of an entity, or its EntitySchema. */
export type EntityTarget = EntityClass<object> | EntitySchema<object>;

interface RowEvent {
  readonly queryRunner: QueryRunner;
  readonly metadata: Properties & { readonly target: unknown };
  /** What the application saved, or what a query builder set. */
  readonly entity?: object | undefined;
  /** The row before, which `save` and `remove` read. A query builder knows of none. */
  readonly databaseEntity?: object | undefined;
}

/** What `save` has changed. */
interface UpdateEvent extends RowEvent {
  readonly updatedColumns: readonly Property[];
  readonly updatedRelations: readonly { readonly joinColumns: readonly Property[] }[];
}

/**
 * Says which keys show the rows of an entity, and of those that extend it:
 * `` on(Notification, (n) => `notifications:${n.userId}`) ``.
 *
 * @param toKeys gets the row, which after an insert has what was given and what the database generated. When it reads a
 *   column that is neither, the row counts as one that is not known. An upsert comes as an insert. Of an EntitySchema say what its row is: `(n: Notification) => …`.
 * @throws TypeError for what is no entity and no function.
 */
export function on<Row extends object, const K extends string>(
  entity: EntityClass<Row> | EntitySchema<Row>,
  toKeys: (row: Row, change: Change<Row>) => Keys<K>,
  options?: MappingOptions<K>,
): Mapping<EntityTarget, K> {
  if (typeof entity !== 'function' && typeof entity?.options?.name !== 'string') {
    throw new TypeError('on takes the class of an entity, or its EntitySchema: on(Notification, …)');
  }
  return mapEntity<EntityTarget, Row, K>(entity, toKeys, options);
}

/**
 * Pushes the keys of saved rows when their transaction is committed:
 * `dataSource.subscribers.push(pushAfterSave(trigger, on(Notification, …)))`, after `dataSource.initialize()`.
 *
 * @throws TypeError for what is no trigger, and for no mapping.
 */
export function pushAfterSave<K extends string>(
  trigger: SseTrigger<K>,
  ...mappings: readonly Mapping<EntityTarget, NoInfer<K>>[]
): PushSubscriber<K> {
  return new PushSubscriber(new SaveHook<EntityTarget, K>(trigger, mappings));
}

/** Made by `pushAfterSave`. TypeORM calls what is in it. */
class PushSubscriber<K extends string> extends TypeOrmTransactions {
  readonly #hook: SaveHook<EntityTarget, K>;

  constructor(hook: SaveHook<EntityTarget, K>) {
    super((outer) => hook.hold(outer));
    this.#hook = hook;
  }

  afterInsert(event: RowEvent): void {
    this.#wrote('insert', event, event.entity);
  }

  afterUpdate(event: UpdateEvent): void {
    const { databaseEntity: before } = event;
    this.#wrote('update', event, before && saved(before, event), before);
  }

  afterRemove(event: RowEvent): void {
    this.#wrote('delete', event, event.databaseEntity);
  }

  afterSoftRemove(event: RowEvent): void {
    this.#wrote('delete', event, event.databaseEntity);
  }

  afterRecover(event: RowEvent): void {
    this.#wrote('insert', event, event.databaseEntity);
  }

  #wrote(kind: ChangeKind, { queryRunner, metadata }: RowEvent, row?: object, before?: object): void {
    const { target } = metadata;
    // A write of all that extends an entity, and of some of that, may have been meant for any of it.
    const isWritten = (mapped: unknown) => isA(target, mapped) || (row === undefined && isA(mapped, target));
    this.#hook.statements(
      () => [
        {
          isWritten: (mapped) => isWritten(targetOf(mapped)),
          kinds: [kind],
          rows: row && [toldEntity(row, metadata)],
          before,
        },
      ],
      this.heldBy(queryRunner),
    );
  }
}

/** What TypeORM knows the entity by. */
function targetOf(entity: EntityTarget): unknown {
  return typeof entity === 'function' ? entity : (entity.options.target ?? entity.options.name);
}

function isA(target: unknown, base: unknown): boolean {
  return target === base || Object.prototype.isPrototypeOf.call(base as object, target as object);
}

function saved(
  before: object,
  { entity = {}, metadata, updatedColumns, updatedRelations }: UpdateEvent,
): object {
  const updated = [...updatedColumns, ...updatedRelations.flatMap(({ joinColumns }) => joinColumns)];
  return savedEntity({ before, given: entity, properties: metadata, updated });
}
