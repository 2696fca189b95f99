import type { EventArgs, EventSubscriber, Knex, TransactionEventArgs } from '@mikro-orm/libsql';
import type { SseTrigger } from 'sse-trigger';
import { type BellKey, Notification, toBellKey } from './notification.ts';

/**
 * Pushes the bell of everybody whose notifications were saved, once the database has committed them. Before that, a
 * stream that looks would see the old rows, and take them for the new ones.
 *
 * MikroORM wraps every flush in a transaction, so that each row belongs to one. Keys wait at the outermost: to release
 * a savepoint is no commit. Those of a transaction that is rolled back go with it.
 */
export class PushOnSave implements EventSubscriber<Notification> {
  readonly #trigger: Pick<SseTrigger<BellKey>, 'push'>;
  readonly #waiting = new WeakMap<Knex.Transaction, Set<BellKey>>();

  constructor(trigger: Pick<SseTrigger<BellKey>, 'push'>) {
    this.#trigger = trigger;
  }

  getSubscribedEntities() {
    return [Notification];
  }

  afterCreate(saved: EventArgs<Notification>): void {
    this.#wait(saved);
  }

  afterUpdate(saved: EventArgs<Notification>): void {
    this.#wait(saved);
  }

  afterDelete(saved: EventArgs<Notification>): void {
    this.#wait(saved);
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

  #wait({ em, entity }: EventArgs<Notification>): void {
    const transaction = outermost(em.getTransactionContext<Knex.Transaction>()!);
    const keys = this.#waiting.get(transaction) ?? new Set();
    this.#waiting.set(transaction, keys.add(toBellKey(entity.to)));
  }
}

function outermost(transaction: Knex.Transaction): Knex.Transaction {
  return transaction.parentTransaction ? outermost(transaction.parentTransaction) : transaction;
}
