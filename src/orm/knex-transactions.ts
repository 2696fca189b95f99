import type { HeldKeys, Outcome } from '../held-keys.ts';

/** What is called of Knex's transaction, version 3. */
interface Transaction {
  readonly isTransaction: true;
  readonly executionPromise: Promise<unknown>;
  readonly parentTransaction?: Transaction | undefined;
  commit(value?: unknown): unknown;
  rollback(error?: unknown): unknown;
  on(event: 'query', listener: (query: { readonly sql: string }) => void): unknown;
}

interface Unit {
  readonly held: HeldKeys;
  readonly outcome: Promise<Outcome>;
}

/** The keys of each transaction of Knex, from the first write in it that is told until it ends. */
export class KnexTransactions {
  readonly #units = new WeakMap<Transaction, Unit>();
  readonly #hold: (outer?: HeldKeys) => HeldKeys;

  /** `hold` gives the keys of a transaction that has begun, or of a savepoint within `outer`. */
  constructor(hold: (outer?: HeldKeys) => HeldKeys) {
    this.#hold = hold;
  }

  /** Of a transaction; none for a plain Knex. */
  heldOf(knex: object): HeldKeys | undefined {
    return isTransaction(knex) ? this.#unitOf(knex).held : undefined;
  }

  #unitOf(transaction: Transaction): Unit {
    const known = this.#units.get(transaction);
    if (known !== undefined) return known;
    const { parentTransaction } = transaction;
    const outer = parentTransaction && this.#unitOf(parentTransaction);
    const held = this.#hold(outer?.held);
    // An inner one that nobody ends, ends with the outer one.
    const outcome = outer ? Promise.race([outcomeOf(transaction), outer.outcome]) : outcomeOf(transaction);
    const unit = { held, outcome };
    this.#units.set(transaction, unit);
    void outcome.then((became) => held.settle(became));
    return unit;
  }
}

function isTransaction(knex: object): knex is Transaction {
  return 'isTransaction' in knex && knex.isTransaction === true;
}

/**
 * Its promise alone does not tell: it resolves after a `rollback()` without an error, and rejects after a rollback as well
 * as after a COMMIT whose answer was lost. Whether it was told to roll back does. Where that was handed on before the first
 * write, as in `.then(trx.commit)`, the last statement tells, unless the ends of transactions are none, as for Oracle and
 * SQL Server.
 */
async function outcomeOf(transaction: Transaction): Promise<Outcome> {
  let isUndone: boolean | undefined;
  const { commit, rollback, parentTransaction } = transaction;
  transaction.commit = (value) => {
    isUndone ??= false;
    return commit(value);
  };
  transaction.rollback = (error) => {
    isUndone ??= true;
    return rollback(error);
  };
  let last = '';
  // Those of transactions within it are heard as well.
  transaction.on('query', ({ sql }) => {
    last = sql;
  });
  const ended = await transaction.executionPromise.then(
    () => 'done' as const,
    () => 'unknown' as const,
  );
  isUndone ??= (parentTransaction ? /^rollback to/i : /^rollback;?$/i).test(last);
  return isUndone ? 'undone' : ended;
}
