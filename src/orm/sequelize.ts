import type { SseTrigger } from '../trigger.ts';
import { mapEntity } from './map-entity.ts';
import type { Change, ChangeKind, Keys, Mapping, MappingOptions } from './mapping.ts';
import { SaveHook } from './save-hook.ts';
import { type Row, toldInstance, upserted, type WriteOptions } from './sequelize-row.ts';
import { type QueryInterface, SequelizeTransactions } from './sequelize-transactions.ts';

export type { BulkChange, Change, ChangeKind, Keys, Mapping, MappingOptions } from './mapping.ts';

/** The class of a model, as `extends Model` makes it or `sequelize.define` gives it. */
export interface ModelClass<Row extends object = object> {
  new (...args: never[]): Row;
}

/** What is called of a `Sequelize`, version 6. */
export interface SequelizeInstance {
  addHook(
    type: 'afterCreate' | 'afterUpdate' | 'afterDestroy' | 'afterRestore',
    hook: (row: Row, options: WriteOptions) => void,
  ): unknown;
  addHook(type: 'afterUpsert', hook: (done: [Row, boolean | null], options: WriteOptions) => void): unknown;
  addHook(type: 'afterBulkCreate', hook: (rows: readonly Row[], options: WriteOptions) => void): unknown;
  addHook(
    type: 'afterBulkUpdate' | 'afterBulkDestroy' | 'afterBulkRestore',
    hook: (options: WriteOptions) => void,
  ): unknown;
  getQueryInterface(): QueryInterface;
  getDialect(): string;
}

/** What Sequelize itself adds to the options of a bulk write before its hooks get them. */
interface BulkOptions extends WriteOptions {
  readonly model: ModelClass;
  readonly where?: unknown;
  readonly individualHooks?: boolean | undefined;
}

/**
 * Says which keys show the rows of a model: `` on(Notification, (n) => `notifications:${n.userId}`) ``.
 *
 * @param toKeys gets a row that was written, and what happened to it. When it reads an attribute that was not loaded, or
 *   left to the database, the row counts as one that is not known. An upsert comes as an insert where the database does not
 *   say which it was.
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
 * Pushes the keys of what is saved once it is committed, and nothing when it is rolled back.
 *
 * @returns what takes the Sequelize, before or after its models are initialised: `pushAfterSave(trigger, …)(sequelize)`,
 *   or `Sequelize.afterInit(pushAfterSave(trigger, …))` for all that are made from then on. Until it is called, nothing is
 *   pushed. Hooks of your own stay.
 * @throws TypeError for what is no trigger, and for no mapping.
 */
export function pushAfterSave<K extends string>(
  trigger: SseTrigger<K>,
  ...mappings: readonly Mapping<ModelClass, NoInfer<K>>[]
): (sequelize: SequelizeInstance) => void {
  const hook = new SaveHook<ModelClass, K>(trigger, mappings);
  const transactions = new SequelizeTransactions((outer) => hook.hold(outer));

  function onRows(
    kind: ChangeKind,
    rows: readonly Row[],
    { transaction }: WriteOptions,
    { known, before }: { known?: readonly string[] | undefined; before?: (() => object) | undefined } = {},
  ): void {
    const isWritten = (model: ModelClass) => rows[0] instanceof model;
    if (!hook.covers(isWritten)) return;
    hook.statements(
      () => [
        {
          isWritten,
          kinds: [kind],
          rows: rows.map((row) => toldInstance(row, known)),
          before: before?.(),
        },
      ],
      transactions.heldOf(transaction),
    );
  }

  function onBulk(kind: ChangeKind, options: WriteOptions): void {
    const { model: written, where, individualHooks, transaction } = options as BulkOptions;
    // Each row has been told already.
    if (individualHooks) return;
    const isWritten = (model: ModelClass) => written === model || written.prototype instanceof model;
    const statement = { isWritten, kinds: [kind], rows: undefined, where };
    hook.statements(() => [statement], transactions.heldOf(transaction));
  }

  return (sequelize) => {
    const knownOf = (options: WriteOptions, isUpsert: boolean) =>
      upserted(options, sequelize.getDialect(), isUpsert);
    sequelize.addHook('afterCreate', (row, options) =>
      onRows('insert', [row], options, { known: knownOf(options, false) }),
    );
    sequelize.addHook('afterUpdate', (row, options) =>
      // Raw, so that no getter of the model is called, which might throw.
      onRows('update', [row], options, { before: () => ({ ...row.get({ raw: true }), ...row.previous() }) }),
    );
    sequelize.addHook('afterDestroy', (row, options) => onRows('delete', [row], options));
    sequelize.addHook('afterRestore', (row, options) => onRows('insert', [row], options));
    sequelize.addHook('afterUpsert', ([row, isNew], options) =>
      onRows(isNew === false ? 'update' : 'insert', [row], options, { known: knownOf(options, true) }),
    );
    sequelize.addHook('afterBulkCreate', (rows, options) => {
      if ((options as BulkOptions).individualHooks) return;
      onRows('insert', rows, options, { known: knownOf(options, false) });
    });
    sequelize.addHook('afterBulkUpdate', (options) => onBulk('update', options));
    sequelize.addHook('afterBulkDestroy', (options) => onBulk('delete', options));
    sequelize.addHook('afterBulkRestore', (options) => onBulk('insert', options));
    transactions.follow(sequelize.getQueryInterface());
  };
}
