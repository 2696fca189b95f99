import type { HeldKeys, Outcome } from '../held-keys.ts';

/** It has one connection, and so one transaction at a time, with savepoints in it. */
export interface QueryRunner {
  readonly isTransactionActive: boolean;
}

interface TransactionEvent {
  readonly queryRunner: QueryRunner;
}

interface QueryEvent extends TransactionEvent {
  readonly query: string;
  readonly success: boolean;
}

/** Keeps keys until the transaction that they were written in has ended, of which TypeORM tells it. */
export class TypeOrmTransactions {
  readonly #hold: (outer: HeldKeys | undefined) => HeldKeys;
  /** The transaction of each query runner and the savepoints in it, the innermost last. */
  readonly #units = new WeakMap<QueryRunner, HeldKeys[]>();
  readonly #committing = new WeakSet<HeldKeys>();

  /** `hold` opens a unit of work, within another one or on its own. */
  constructor(hold: (outer: HeldKeys | undefined) => HeldKeys) {
    this.#hold = hold;
  }

  afterTransactionStart({ queryRunner }: TransactionEvent): void {
    const units = this.#units.get(queryRunner) ?? [];
    units.push(this.#hold(units.at(-1)));
    this.#units.set(queryRunner, units);
  }

  beforeTransactionCommit({ queryRunner }: TransactionEvent): void {
    const unit = this.heldBy(queryRunner);
    if (unit !== undefined) this.#committing.add(unit);
  }

  /**
   * Comes for a savepoint too, which is released, and is all that tells of the COMMIT of a driver that makes no query of it.
   * But `await using` commits without a word of the savepoints that are left.
   */
  afterTransactionCommit({ queryRunner }: TransactionEvent): void {
    if (queryRunner.isTransactionActive) this.#units.get(queryRunner)?.pop()?.settle('done');
    else this.#settleAll(queryRunner, 'done');
  }

  /** Comes also when a COMMIT was not answered. */
  beforeTransactionRollback({ queryRunner }: TransactionEvent): void {
    const unit = this.#units.get(queryRunner)?.pop();
    unit?.settle(this.#committing.has(unit) ? 'unknown' : 'undone');
  }

  /**
   * The first to tell of most COMMITs: another subscriber that throws keeps what comes later from this one, and nothing is
   * rolled back when a COMMIT of `await using` fails.
   */
  afterQuery({ queryRunner, query, success }: QueryEvent): void {
    if (query === 'COMMIT') this.#settleAll(queryRunner, success ? 'done' : 'unknown');
  }

  /** The innermost unit of work that is open. */
  protected heldBy(queryRunner: QueryRunner): HeldKeys | undefined {
    return this.#units.get(queryRunner)?.at(-1);
  }

  #settleAll(queryRunner: QueryRunner, outcome: Outcome): void {
    const units = this.#units.get(queryRunner)?.splice(0) ?? [];
    for (const unit of units.reverse()) unit.settle(outcome);
  }
}
