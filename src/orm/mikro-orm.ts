import type { SseTrigger } from '../trigger.ts';
import { mapEntity } from './map-entity.ts';
import type { Change, ChangeKind, Keys, Mapping, MappingOptions } from './mapping.ts';
import { MikroOrmTransactions, type Transaction } from './mikro-orm-transactions.ts';
import { SaveHook } from './save-hook.ts';
import { toldPaths } from './told-paths.ts';

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

interface Property {
  readonly name: string;
  /** The names of what it is embedded in, and of itself there. */
  readonly embedded?: readonly [string, string] | undefined;
}

interface RowEvent {
  readonly em: { getTransactionContext(): unknown };
  readonly entity: { readonly __helper?: { readonly __loadedProperties: ReadonlySet<unknown> } };
  readonly meta: Named & {
    /** Of those that share a table. */
    readonly root: Named;
    /** Those that are columns, each by its name, those of an embedded too. */
    readonly comparableProps: readonly Property[];
    readonly properties: Readonly<Record<string, Property>>;
  };
  readonly changeSet?: { readonly originalEntity?: object | undefined } | undefined;
}

/**
 * Says which keys show the rows of an entity, and of those that extend it:
 * `` on(Notification, (n) => `notifications:${n.userId}`) ``.
 *
 * @param toKeys gets the entity. When it reads what was never loaded, the row counts as one that is not known. What an
 *   update knows of the row before is what MikroORM compares with: relations are primary keys. An upsert comes as an insert.
 * @throws TypeError for what is no entity and no function.
 */
export function on<Row extends object, const K extends string>(
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
  /** Whole from the beginning: what was left out of it has no value. */
  readonly #inserted = new WeakSet<object>();

  constructor(hook: SaveHook<EntityTarget, K>) {
    super((outer) => hook.hold(outer));
    this.#hook = hook;
  }

  afterCreate(event: RowEvent): void {
    this.#inserted.add(event.entity);
    this.#wrote('insert', event, event.entity);
  }

  afterUpsert(event: RowEvent): void {
    this.#wrote('insert', event, this.#known(event));
  }

  afterUpdate(event: RowEvent): void {
    this.#wrote('update', event, this.#known(event), event.changeSet?.originalEntity);
  }

  afterDelete(event: RowEvent): void {
    this.#wrote('delete', event, this.#known(event));
  }

  #known(event: RowEvent): object {
    return this.#inserted.has(event.entity) ? event.entity : loaded(event);
  }

  #wrote(kind: ChangeKind, { em, meta }: RowEvent, row: object, before?: object): void {
    const transaction = em.getTransactionContext() as Transaction | undefined;
    this.#hook.statements(
      () => [{ isWritten: (mapped) => isA(meta, idOf(mapped)), kinds: [kind], rows: [row], before }],
      transaction && this.heldBy(transaction),
    );
  }
}

/** The entity, which may be a reference or loaded in part: to read the rest, which is undefined, throws. */
function loaded({ entity, meta }: RowEvent): object {
  const names = entity.__helper?.__loadedProperties;
  const missing = meta.comparableProps.filter(({ name }) => names?.has(name) === false);
  if (missing.length === 0) return entity;
  return toldPaths(entity, new Set(missing.map((prop) => pathOf(prop, meta))));
}

function pathOf({ name, embedded }: Property, meta: RowEvent['meta']): string {
  if (embedded === undefined) return name;
  const outer = meta.properties[embedded[0]];
  return `${outer === undefined ? embedded[0] : pathOf(outer, meta)}.${embedded[1]}`;
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
