import type { HeldKeys, Outcome } from '../held-keys.ts';

/** What is called of a Sequelize's query interface, version 6. */
export interface QueryInterface {
  commitTransaction(transaction: object, options?: object): Promise<void>;
  rollbackTransaction(transaction: object, options?: object): Promise<void>;
}

interface Transaction {
  readonly parent?: Transaction | undefined;
  readonly savepoints: readonly Transaction[];
}

/** The keys of each transaction of Sequelize, from the first write in it that is told until it ends. */
export class SequelizeTransactions {
  readonly #units = new WeakMap<Transaction, HeldKeys>();
  readonly #hold: (outer?: HeldKeys) => HeldKeys;

  /** `hold` gives the keys of a transaction that has begun, or of a savepoint within `outer`. */
  constructor(hold: (outer?: HeldKeys) => HeldKeys) {
    this.#hold = hold;
  }

  /** `transaction` is what Sequelize hands to a hook; none outside of transactions. */
  heldOf(transaction: object | null | undefined): HeldKeys | undefined {
    return transaction ? this.#unitOf(transaction as Transaction) : undefined;
  }

  /**
   * Learns how transactions end. Not by `transaction.afterCommit`, which is called when a COMMIT failed as well, and for a
   * savepoint before the COMMIT, and waits for the callbacks before it; and nothing else tells of a rollback.
   */
  follow(queryInterface: QueryInterface): void {
    const { commitTransaction, rollbackTransaction } = queryInterface;
    queryInterface.commitTransaction = (transaction, ...rest) =>
      this.#settleAfter(commitTransaction.call(queryInterface, transaction, ...rest), transaction, 'done');
    queryInterface.rollbackTransaction = (transaction, ...rest) =>
      this.#settleAfter(
        rollbackTransaction.call(queryInterface, transaction, ...rest),
        transaction,
        isUndoneWhole(transaction as Transaction) ? 'undone' : 'done',
      );
  }

  #unitOf(transaction: Transaction): HeldKeys {
    let unit = this.#units.get(transaction);
    if (unit === undefined) {
      unit = this.#hold(this.heldOf(transaction.parent));
      this.#units.set(transaction, unit);
    }
    return unit;
  }

  async #settleAfter(ending: Promise<void>, transaction: object, outcome: Outcome): Promise<void> {
    let became: Outcome = 'unknown';
    try {
      await ending;
      became = outcome;
    } finally {
      this.#settle(transaction as Transaction, became);
    }
  }

  #settle(transaction: Transaction, outcome: Outcome): void {
    // Nobody ends the savepoint that findOrCreate begins: it ends with what is around it.
    for (const inner of transaction.savepoints) this.#settle(inner, outcome);
    this.#units.get(transaction)?.settle(outcome);
  }
}

/**
 * Sequelize gives a savepoint the name of the last one within it, and so rolls back to that one only: what was written
 * before stays in the transaction.
 */
function isUndoneWhole({ parent, savepoints }: Transaction): boolean {
  return parent === undefined || savepoints.length === 0;
}
