import type { SseTrigger } from '../trigger.ts';
import {
  type Change,
  type ChangeKind,
  type Keys,
  type Mapping,
  type MappingOptions,
  mapEntity,
} from './mapping.ts';
import { MikroOrmTransactions, type Transaction } from './mikro-orm-transactions.ts';
import { SaveHook } from './save-hook.ts';

export type { BulkChange, Change, ChangeKind, Keys, Mapping, MappingOptions } from './mapping.ts';

type EntityClass<Row> = abstract new (...args: never[]) => Row;

/** What `defineEntity` and EntitySchema give. */
interface EntitySchema<Row> {
  readonly meta: Named & { readonly prototype: Row };
}

interface Named {
  readonly className: string;
  readonly class?: unknown;
}

/** What `on` takes: the class of an entity, or its schema. */
export type EntityTarget = EntityClass<object> | EntitySchema<object>;

interface RowEvent {
  readonly em: { getTransactionContext(): unknown };
  readonly entity: { readonly __helper?: { isInitialized(): boolean } };
  readonly meta: Named & {
    /** Of those that share a table. */
    readonly root: Named;
    readonly primaryKeys: readonly PropertyKey[];
  };
  readonly changeSet?: { readonly originalEntity?: object | undefined } | undefined;
}

/**
 * Which keys show the rows of an entity, and of those that extend it.
 *
 * @param toKeys gets the entity, whose properties are undefined that were never loaded. What an update knows of the row
 *   before is what MikroORM compares with: relations are primary keys. An upsert comes as an insert.
 * @throws TypeError for what is no entity and no function.
 */
export function on<Row extends object, K extends string>(
  entity: EntityClass<Row> | EntitySchema<Row>,
  toKeys: (row: Row, change: Change<Row>) => Keys<K>,
  options?: MappingOptions<K>,
): Mapping<EntityTarget, K> {
  if (typeof entity !== 'function' && typeof entity?.meta?.className !== 'string') {
    throw new TypeError('on takes the class of an entity, or its schema: on(Notification, …)');
  }
  return mapEntity<EntityTarget, Row, K>(entity, toKeys, options);
}

/**
 * Pushes the keys of saved rows when their transaction is committed:
 * `MikroORM.init({ subscribers: [pushAfterSave(trigger, on(Notification, …))], … })`.
 *
 * @throws TypeError for what is no trigger, and for no mapping.
 */
export function pushAfterSave<K extends string>(
  trigger: SseTrigger<K>,
  ...mappings: readonly Mapping<EntityTarget, NoInfer<K>>[]
): PushSubscriber<K> {
  return new PushSubscriber(new SaveHook<EntityTarget, K>(trigger, mappings));
}

/** Made by `pushAfterSave`. MikroORM calls what is in it. */
class PushSubscriber<K extends string> extends MikroOrmTransactions {
  readonly #hook: SaveHook<EntityTarget, K>;

  constructor(hook: SaveHook<EntityTarget, K>) {
    super((outer) => hook.hold(outer));
    this.#hook = hook;
  }

  afterCreate(event: RowEvent): void {
    this.#wrote('insert', event);
  }

  afterUpsert(event: RowEvent): void {
    this.#wrote('insert', event);
  }

  afterUpdate(event: RowEvent): void {
    const before = event.changeSet?.originalEntity ?? {};
    // Of a reference, which MikroORM takes for loaded by now, nothing but its primary key was known.
    const isReference = Object.keys(before).every((name) => event.meta.primaryKeys.includes(name));
    this.#wrote('update', event, isReference, before);
  }

  afterDelete(event: RowEvent): void {
    this.#wrote('delete', event, event.entity.__helper?.isInitialized() === false);
  }

  #wrote(kind: ChangeKind, { em, entity, meta }: RowEvent, isReference = false, before?: object): void {
    const transaction = em.getTransactionContext() as Transaction | undefined;
    const held = transaction && this.heldBy(transaction);
    const isWritten = (mapped: EntityTarget) => isA(meta, idOf(mapped));
    if (isReference) this.#hook.bulk(isWritten, { kind, where: undefined }, held);
    else this.#hook.row(isWritten, entity, { kind, before }, held);
  }
}

/** MikroORM 6 makes a class for a schema that has none, and does so anew each time that it starts: its name stays. */
function idOf(entity: EntityTarget): unknown {
  return typeof entity === 'function' ? entity : (entity.meta.class ?? entity.meta.className);
}

/** A class that MikroORM has made extends none, whatever its schema extends. */
function isA(written: RowEvent['meta'], mapped: unknown): boolean {
  const isSame = ({ class: itself, className }: Named) => mapped === itself || mapped === className;
  if (isSame(written) || isSame(written.root)) return true;
  return Object.prototype.isPrototypeOf.call(mapped as object, written.class as object);
}
