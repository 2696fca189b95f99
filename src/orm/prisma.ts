import type { Outcome } from '../held-keys.ts';
import type { SseTrigger } from '../trigger.ts';
import { mapEntity } from './map-entity.ts';
import type { Change, Keys, Mapping, MappingOptions } from './mapping.ts';
import { PrismaTransactions, type Transaction } from './prisma-transactions.ts';
import {
  type Args,
  attemptedWrite,
  hideUnasked,
  KINDS,
  type ModelWrite,
  modelWrite,
  wasNotCarriedOut,
  widen,
} from './prisma-write.ts';
import { SaveHook } from './save-hook.ts';

export type { BulkChange, Change, ChangeKind, Keys, Mapping, MappingOptions } from './mapping.ts';

/** A model of a client, such as `prisma.notification`. */
export interface Model<Row> {
  readonly fields: object;
  readonly [types: symbol]: { readonly types: { readonly payload: { readonly scalars: Row } } };
}

/** An extension that adds nothing to the types of a client. */
export type Extension = (client: unknown) => {
  readonly $extends: {
    readonly extArgs: Record<'result' | 'model' | 'query' | 'client', Record<never, never>>;
  };
};

/** What a model has beside what its type tells. */
interface NamedModel {
  readonly $name: string;
  readonly fields: object;
}

interface Client {
  /** The option `omit` of the client. */
  readonly _globalOmit?: Readonly<Record<string, Readonly<Record<string, boolean>> | undefined>>;
  /** A client inside a transaction has none. */
  $extends?(extension: object): ReturnType<Extension>;
  $transaction(work: unknown, ...options: unknown[]): Promise<unknown>;
}

interface Operation {
  readonly model: string;
  readonly operation: string;
  readonly args: Args;
  query(args: Args): PromiseLike<unknown>;
  readonly __internalParams: {
    readonly transaction?: Transaction;
    /** What is read behind the row, as by `prisma.notification.update(…).user()`; that is given in place of the row. */
    readonly dataPath?: readonly string[];
  };
}

/**
 * Says which keys show the rows of a model: `` on(prisma.notification, (n) => `notifications:${n.userId}`) ``.
 *
 * @param model of a client, with or without extensions.
 * @param toKeys gets a row that was written, and what happened to it. Of an upsert it is asked for both that it may have been.
 * @throws TypeError for anything but a function, and an option that does not exist.
 */
export function on<Row, const K extends string>(
  model: Model<Row>,
  toKeys: (row: Row, change: Change<Row>) => Keys<K>,
  options?: MappingOptions<K>,
): Mapping<Model<unknown>, K> {
  return mapEntity<Model<unknown>, Row, K>(model, toKeys, options);
}

/**
 * Pushes what is written through a client, each key once a transaction and after its COMMIT. It is an extension:
 * `const prisma = client.$extends(pushAfterSave(trigger, on(client.notification, …)))`.
 *
 * @throws TypeError for what is no trigger, and for no mapping.
 */
export function pushAfterSave<K extends string>(
  trigger: SseTrigger<K>,
  ...mappings: readonly Mapping<Model<unknown>, NoInfer<K>>[]
): Extension {
  const hook = new SaveHook<Model<unknown>, K>(trigger, mappings);
  const models = new Map(mappings.map(({ entity }) => [nameOf(entity), Object.keys(entity.fields)]));
  return (client) => extend(client as Client, hook, models);
}

function nameOf(model: object): string {
  return (model as NamedModel).$name;
}

function extend<K extends string>(
  client: Client,
  hook: SaveHook<Model<unknown>, K>,
  models: ReadonlyMap<string, readonly string[]>,
): ReturnType<Extension> {
  // What the client omits everywhere is a secret, so to say: it is never read on account of a mapping.
  const readable = (model: string) => {
    const omitted = client._globalOmit?.[propertyOf(model)];
    return models.get(model)?.filter((column) => omitted?.[column] !== true) ?? [];
  };
  const transactions = new PrismaTransactions((outer) => hook.hold(outer));
  const transact = client.$transaction;

  function $transaction(this: Client, work: unknown, ...options: unknown[]): Promise<unknown> {
    return transactions.run(work, (watched) => transact.call(this, watched, ...options));
  }

  async function write({ model, operation, args, query, __internalParams }: Operation): Promise<unknown> {
    const { transaction, dataPath = [] } = __internalParams;
    const isRow = dataPath.length === 0;
    const scalars = isRow ? readable(model) : [];
    const held = transactions.heldOf(transaction);
    const tell = (read: () => ModelWrite, outcome: Outcome) =>
      hook.statements(() => [{ ...read(), isWritten: (mapped) => nameOf(mapped) === model }], held, outcome);
    try {
      const result = await query(widen(args, scalars));
      const written = isRow ? modelWrite : attemptedWrite;
      tell(() => written(operation, args, result), 'done');
      hideUnasked(args, scalars, result);
      return result;
    } catch (error) {
      // In a transaction with a callback it depends on the COMMIT; anything else was perhaps committed itself.
      if (transaction?.kind !== 'itx' && !wasNotCarriedOut(error)) {
        tell(() => attemptedWrite(operation, args), 'unknown');
      }
      throw error;
    }
  }

  if (client.$extends === undefined)
    throw new TypeError('pushAfterSave is given to $extends of a PrismaClient');
  const operations = Object.fromEntries(Array.from(KINDS.keys(), (operation) => [operation, write]));
  const query = Object.fromEntries(Array.from(models.keys(), (model) => [propertyOf(model), operations]));
  return client.$extends({ name: 'sse-trigger', client: { $transaction }, query });
}

/** A client has the model UserRole as userRole. */
function propertyOf(model: string): string {
  return model.replace(/^./, (first) => first.toLowerCase());
}
