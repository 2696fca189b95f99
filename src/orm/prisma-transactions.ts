import { AsyncLocalStorage } from 'node:async_hooks';
import type { HeldKeys, Outcome } from '../held-keys.ts';
import { wasNotCarriedOut } from './prisma-write.ts';

/** What Prisma tells of the transaction that an operation is part of: one with a callback, or an array of operations. */
export interface Transaction {
  readonly kind: 'itx' | 'batch';
  readonly id: unknown;
}

type Callback = (tx: object) => Promise<unknown>;
type Transact = (work: unknown) => Promise<unknown>;

/** What the client inside a transaction says of it: its id, or since Prisma 7.5 its `txId` among others. */
const ID = Symbol.for('prisma.client.transaction.id');
const SCOPE = Symbol.for('prisma.client.transaction.scope_context');

/** The keys of each transaction of a client, from its beginning to its end. */
export class PrismaTransactions {
  readonly #hold: (outer?: HeldKeys) => HeldKeys;
  /**
   * Of each with a callback, by its id and not by the context of a call: a `tx` may be used in any. Those of savepoints come
   * last. They have the id of their transaction, and Prisma refuses two that are not one within the other.
   */
  readonly #open = new Map<unknown, HeldKeys[]>();
  /**
   * Of an array of operations, which Prisma begins within the call, and has no id for before. Of one with a callback it is
   * for a version that does not say the id, in which work that began before the transaction is not found to be part of it.
   */
  readonly #current = new AsyncLocalStorage<HeldKeys>();

  /** `hold` gives the keys of a transaction that has begun, or of a savepoint within `outer`. */
  constructor(hold: (outer?: HeldKeys) => HeldKeys) {
    this.#hold = hold;
  }

  /** None outside of transactions. */
  heldOf(transaction: Transaction | undefined): HeldKeys | undefined {
    if (transaction === undefined) return undefined;
    const byId = transaction.kind === 'itx' ? this.#open.get(transaction.id)?.at(-1) : undefined;
    return byId ?? this.#current.getStore();
  }

  /** Carries `work` out by `transact`, Prisma's own, and learns how it ends. */
  run(work: unknown, transact: Transact): Promise<unknown> {
    return typeof work === 'function'
      ? this.#runCallback(work as Callback, transact)
      : this.#runArray(work, transact);
  }

  async #runCallback(work: Callback, transact: Transact): Promise<unknown> {
    let end: ((outcome: Outcome) => void) | undefined;
    let outcome: Outcome = 'undone';
    try {
      const given = await transact(async (tx: object) => {
        const unit = this.#begin(idOf(tx));
        end = unit.end;
        const made = await this.#current.run(unit.held, async () => await work(tx));
        outcome = 'unknown'; // until the COMMIT is answered
        return made;
      });
      outcome = 'done';
      return given;
    } finally {
      end?.(outcome);
    }
  }

  /** `end` ends it, and with it those within. */
  #begin(id: unknown): { held: HeldKeys; end: (outcome: Outcome) => void } {
    const units = this.#open.get(id) ?? [];
    const held = this.#hold(units.at(-1));
    this.#open.set(id, units);
    units.push(held);
    const end = (outcome: Outcome) => {
      const inner = units.includes(held) ? units.splice(units.indexOf(held)) : [];
      for (const unit of inner.reverse()) unit.settle(outcome);
      if (units.length === 0) this.#open.delete(id);
    };
    return { held, end };
  }

  /** Those of a `tx` are part of its transaction, and say so. */
  async #runArray(operations: unknown, transact: Transact): Promise<unknown> {
    const held = this.#hold();
    let outcome: Outcome = 'undone';
    try {
      const given = await this.#current.run(held, () => transact(operations));
      outcome = 'done';
      return given;
    } catch (error) {
      if (!wasNotCarriedOut(error)) outcome = 'unknown';
      throw error;
    } finally {
      held.settle(outcome);
    }
  }
}

/** One of its own where Prisma does not say it, so that those of several are kept apart. */
function idOf(tx: object): unknown {
  const { [ID]: id, [SCOPE]: scope } = tx as {
    readonly [ID]?: unknown;
    readonly [SCOPE]?: { txId: unknown };
  };
  return scope?.txId ?? id ?? Symbol();
}
