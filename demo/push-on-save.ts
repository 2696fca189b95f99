import type { EventArgs, EventSubscriber, TransactionEventArgs } from '@mikro-orm/core';
import type { Knex } from '@mikro-orm/libsql';
import type { SseTrigger } from 'sse-trigger';
import { ANY_NOTIFICATION, type Key, Notification, toBellKey } from './notification.ts';

/**
 * Pushes the bell of everybody whose notifications were saved, once the database has committed them. Before that, a
 * stream that looks would see the old rows, and take them for the new ones.
 *
 * MikroORM wraps every flush in a transaction, so that each row belongs to one. Keys wait at the outermost: to release
 * a savepoint is no commit. Those of a transaction that is rolled back go with it.
 */
export class PushOnSave implements EventSubscriber<Notification> {
  readonly #trigger: Pick<SseTrigger<Key>, 'push'>;
  readonly #waiting = new WeakMap<Knex.Transaction, Set<Key>>();

  constructor(trigger: Pick<SseTrigger<Key>, 'push'>) {
    this.#trigger = trigger;
  }

  getSubscribedEntities() {
    return [Notification];
  }

  afterCreate({ em, entity }: EventArgs<Notification>): void {
    this.#wait(em, toBellKey(entity.to), ANY_NOTIFICATION);
  }

  afterUpdate({ em, entity }: EventArgs<Notification>): void {
    this.#wait(em, toBellKey(entity.to));
  }

  afterDelete({ em, entity }: EventArgs<Notification>): void {
    this.#wait(em, toBellKey(entity.to));
  }

  afterTransactionCommit({ transaction }: TransactionEventArgs): void {
    const keys = this.#waiting.get(transaction);
    if (keys === undefined) return;
    this.#waiting.delete(transaction);
    try {
      // Nobody waits for it: a push tells by itself whether it was taken, and the save is done anyway.
      this.#trigger.push([...keys]);
    } catch (error) {
      // To throw from here would tell the caller that a save has failed which is committed.
      process.emitWarning(error as Error);
    }
  }

  #wait(em: EventArgs<Notification>['em'], ...keys: Key[]): void {
    const transaction = outermost(em.getTransactionContext<Knex.Transaction>()!);
    const waiting = this.#waiting.get(transaction) ?? [];
    this.#waiting.set(transaction, new Set([...waiting, ...keys]));
  }
}

function outermost(transaction: Knex.Transaction): Knex.Transaction {
  return transaction.parentTransaction ? outermost(transaction.parentTransaction) : transaction;
}
