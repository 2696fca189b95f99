import type { HeldKeys, Outcome } from '../held-keys.ts';

/** In MikroORM 6 it is one of Knex. */
export type Transaction = KnexTransaction | { readonly executionPromise?: undefined };

interface KnexTransaction {
  readonly executionPromise: PromiseLike<unknown>;
  /** The one that it is a savepoint of. */
  readonly parentTransaction?: KnexTransaction | undefined;
  rollback(error?: unknown): unknown;
}

interface TransactionEvent {
  readonly em: object;
  /** Before a transaction is there: the one around it. */
  readonly transaction?: Transaction | undefined;
}

/** Keeps keys until the transaction that they were written in has ended, of which MikroORM tells it. */
export class MikroOrmTransactions {
  readonly #hold: (outer: HeldKeys | undefined) => HeldKeys;
  readonly #units = new WeakMap<Transaction, HeldKeys>();
  /** The transaction in which an entity manager begins another one. */
  readonly #outer = new WeakMap<object, Transaction>();
  readonly #committing = new WeakSet<Transaction>();

  /** `hold` opens a unit of work, within another one or on its own. */
  constructor(hold: (outer: HeldKeys | undefined) => HeldKeys) {
    this.#hold = hold;
  }

  beforeTransactionStart({ em, transaction }: TransactionEvent): void {
    if (transaction === undefined) this.#outer.delete(em);
    else this.#outer.set(em, transaction);
  }

  afterTransactionStart({ em, transaction }: TransactionEvent): void {
    if (transaction !== undefined) this.#open(transaction, this.#outer.get(em));
  }

  beforeTransactionCommit({ transaction }: TransactionEvent): void {
    if (transaction !== undefined) this.#committing.add(transaction);
  }

  afterTransactionCommit({ transaction }: TransactionEvent): void {
    this.#settle(transaction, 'done');
  }

  /** Comes also when a COMMIT was not answered. */
  beforeTransactionRollback({ transaction }: TransactionEvent): void {
    const isUnknown = transaction !== undefined && this.#committing.has(transaction);
    this.#settle(transaction, isUnknown ? 'unknown' : 'undone');
  }

  /** Nothing when nobody would tell how the transaction ends. */
  protected heldBy(transaction: Transaction): HeldKeys | undefined {
    const held = this.#units.get(transaction);
    if (held !== undefined || transaction.executionPromise === undefined) return held;
    return settleWith(transaction, this.#open(transaction, transaction.parentTransaction));
  }

  #open(transaction: Transaction, outer: Transaction | undefined): HeldKeys {
    const held = this.#hold(outer && this.heldBy(outer));
    this.#units.set(transaction, held);
    return held;
  }

  #settle(transaction: Transaction | undefined, outcome: Outcome): void {
    if (transaction !== undefined) this.#units.get(transaction)?.settle(outcome);
  }
}

/**
 * MikroORM 6 tells nothing of savepoints, nor of what the application began itself, so Knex has to. Its promise may come
 * true after a rollback, too.
 */
function settleWith(transaction: KnexTransaction, held: HeldKeys): HeldKeys {
  const { rollback } = transaction;
  transaction.rollback = (error) => {
    held.settle('undone');
    return rollback(error);
  };
  transaction.executionPromise.then(
    () => held.settle('done'),
    () => held.settle('unknown'),
  );
  return held;
}
