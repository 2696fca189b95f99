import type { SseTrigger } from '../trigger.ts';
import {
  type BulkChange,
  type Change,
  type ChangeKind,
  type Keys,
  type Mapping,
  type MappingOptions,
  mapEntity,
} from './mapping.ts';
import { SaveHook } from './save-hook.ts';
import { type QueryInterface, SequelizeTransactions } from './sequelize-transactions.ts';

export type { BulkChange, Change, ChangeKind, Keys, Mapping, MappingOptions };

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
}

interface Row {
  get(options: object): object;
  previous(): object;
}

interface WriteOptions {
  readonly transaction?: object | null | undefined;
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
 * @param toKeys gets a row that was written, and what happened to it. An upsert is told as an insert where the database
 *   does not say which it was.
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
 *   or `Sequelize.afterInit(pushAfterSave(trigger, …))` for all that are made from then on. Hooks of your own stay.
 * @throws TypeError for what is no trigger, and for no mapping.
 */
export function pushAfterSave<K extends string>(
  trigger: SseTrigger<K>,
  ...mappings: readonly Mapping<ModelClass, NoInfer<K>>[]
): (sequelize: SequelizeInstance) => void {
  const hook = new SaveHook<ModelClass, K>(trigger, mappings);
  const transactions = new SequelizeTransactions((outer) => hook.hold(outer));

  function onRows(kind: ChangeKind, rows: readonly Row[], options: WriteOptions): void {
    // Of its own, so that rows that were written by one statement are pushed at once.
    const held = hook.hold(transactions.heldOf(options.transaction));
    for (const row of rows) {
      const covers = (model: ModelClass) => row instanceof model;
      if (!hook.covers(covers)) continue;
      // Raw, so that no getter of the model is called, which might throw.
      const before = kind === 'update' ? { ...row.get({ raw: true }), ...row.previous() } : undefined;
      hook.row(covers, row, { kind, before }, held);
    }
    held.settle('done');
  }

  function onBulk(kind: ChangeKind, options: WriteOptions): void {
    const { model: written, where, individualHooks, transaction } = options as BulkOptions;
    // Each row has been told already.
    if (individualHooks) return;
    const covers = (model: ModelClass) => written === model || written.prototype instanceof model;
    hook.bulk(covers, { kind, where }, transactions.heldOf(transaction));
  }

  return (sequelize) => {
    sequelize.addHook('afterCreate', (row, options) => onRows('insert', [row], options));
    sequelize.addHook('afterUpdate', (row, options) => onRows('update', [row], options));
    sequelize.addHook('afterDestroy', (row, options) => onRows('delete', [row], options));
    sequelize.addHook('afterRestore', (row, options) => onRows('insert', [row], options));
    sequelize.addHook('afterUpsert', ([row, isNew], options) =>
      onRows(isNew === false ? 'update' : 'insert', [row], options),
    );
    sequelize.addHook('afterBulkCreate', (rows, options) => {
      if (!(options as BulkOptions).individualHooks) onRows('insert', rows, options);
    });
    sequelize.addHook('afterBulkUpdate', (options) => onBulk('update', options));
    sequelize.addHook('afterBulkDestroy', (options) => onBulk('delete', options));
    sequelize.addHook('afterBulkRestore', (options) => onBulk('insert', options));
    transactions.follow(sequelize.getQueryInterface());
  };
}
