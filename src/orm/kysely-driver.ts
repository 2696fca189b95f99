import type { HeldKeys, Outcome } from '../held-keys.ts';
import { type QueryResult, tableWrites } from './kysely-write.ts';
import { wasRefused } from './refusal.ts';
import type { SaveHook } from './save-hook.ts';

/** Stands for the name of a transaction, among those of savepoints. */
const TRANSACTION = Symbol('transaction');
type UnitName = string | typeof TRANSACTION;

interface Query {
  readonly query: object;
}

interface Connection {
  executeQuery(query: Query, ...rest: never[]): Promise<QueryResult>;
  streamQuery(query: Query, ...rest: never[]): AsyncIterableIterator<QueryResult>;
}

/** Kysely's, with what later versions add to the arguments. */
export interface Driver {
  init(...rest: never[]): Promise<void>;
  acquireConnection(...rest: never[]): Promise<Connection>;
  beginTransaction(connection: Connection, ...rest: never[]): Promise<void>;
  commitTransaction(connection: Connection, ...rest: never[]): Promise<void>;
  rollbackTransaction(connection: Connection, ...rest: never[]): Promise<void>;
  savepoint?(connection: Connection, name: string, ...rest: never[]): Promise<void>;
  rollbackToSavepoint?(connection: Connection, name: string, ...rest: never[]): Promise<void>;
  releaseSavepoint?(connection: Connection, name: string, ...rest: never[]): Promise<void>;
  releaseConnection(connection: Connection, ...rest: never[]): Promise<void>;
  destroy(...rest: never[]): Promise<void>;
}

/** Sees what queries of a driver write, and the beginning and end of each transaction. */
export function hookDriver(driver: Driver, hook: SaveHook<string, string>): Driver {
  const all = new WeakMap<Connection, Units>();
  const unitsOf = (connection: Connection): Units => {
    const units = all.get(connection) ?? hookConnection(connection, hook);
    all.set(connection, units);
    return units;
  };
  const hooked: Driver = {
    init: (...rest) => driver.init(...rest),
    async acquireConnection(...rest) {
      const connection = await driver.acquireConnection(...rest);
      unitsOf(connection);
      return connection;
    },
    async beginTransaction(connection, ...rest) {
      await driver.beginTransaction(connection, ...rest);
      unitsOf(connection).begin(TRANSACTION);
    },
    async commitTransaction(connection, ...rest) {
      let outcome: Outcome = 'unknown';
      try {
        await driver.commitTransaction(connection, ...rest);
        outcome = 'done';
      } finally {
        unitsOf(connection).end(TRANSACTION, outcome);
      }
    },
    async rollbackTransaction(connection, ...rest) {
      // When it fails the connection is lost, and the database undoes what is not committed.
      unitsOf(connection).end(TRANSACTION, 'undone');
      await driver.rollbackTransaction(connection, ...rest);
    },
    releaseConnection: (connection, ...rest) => driver.releaseConnection(connection, ...rest),
    destroy: (...rest) => driver.destroy(...rest),
  };
  // Kysely asks whether a driver has these.
  if (driver.savepoint !== undefined) {
    hooked.savepoint = async (connection, name, ...rest) => {
      await driver.savepoint?.(connection, name, ...rest);
      unitsOf(connection).begin(name);
    };
  }
  if (driver.rollbackToSavepoint !== undefined) {
    hooked.rollbackToSavepoint = async (connection, name, ...rest) => {
      await driver.rollbackToSavepoint?.(connection, name, ...rest);
      unitsOf(connection).end(name, 'undone');
      unitsOf(connection).begin(name); // it stands until it is released
    };
  }
  if (driver.releaseSavepoint !== undefined) {
    hooked.releaseSavepoint = async (connection, name, ...rest) => {
      await driver.releaseSavepoint?.(connection, name, ...rest);
      unitsOf(connection).end(name, 'done');
    };
  }
  return hooked;
}

/** In place, as Kysely's own log does it: drivers know their connections by identity. */
function hookConnection(connection: Connection, hook: SaveHook<string, string>): Units {
  const units = new Units(hook);
  const { executeQuery, streamQuery } = connection;
  connection.executeQuery = async (query, ...rest) => {
    const { held } = units;
    try {
      const result = await executeQuery.call(connection, query, ...rest);
      hook.statements(() => tableWrites(query.query, result), held);
      return result;
    } catch (error) {
      // In a transaction it depends on the COMMIT.
      if (held === undefined && !wasRefused(error)) {
        hook.statements(() => tableWrites(query.query, undefined), held, 'unknown');
      }
      throw error;
    }
  };
  connection.streamQuery = async function* (query, ...rest) {
    const isAlone = units.held === undefined;
    // What is not in a transaction is committed when the stream ends, and whole, however much of it was read.
    const held = hook.hold(units.held);
    const tell = (result: QueryResult | undefined) =>
      hook.statements(() => tableWrites(query.query, result), held);
    let isWhole = false;
    let outcome: Outcome = 'done';
    try {
      let isEmpty = true;
      for await (const result of streamQuery.call(connection, query, ...rest)) {
        isEmpty = false;
        tell(result);
        yield result;
      }
      if (isEmpty) tell({ rows: [] });
      isWhole = true;
    } catch (error) {
      outcome = isAlone && !wasRefused(error) ? 'unknown' : 'undone';
      throw error;
    } finally {
      if (!isWhole && outcome !== 'undone') tell(undefined);
      held.settle(outcome);
    }
  };
  return units;
}

/** The transaction of a connection and the savepoints in it, the innermost last. */
class Units {
  readonly #hook: SaveHook<string, string>;
  readonly #open: { readonly name: UnitName; readonly held: HeldKeys }[] = [];

  constructor(hook: SaveHook<string, string>) {
    this.#hook = hook;
  }

  /** What holds the keys of that which is written now, if anything does. */
  get held(): HeldKeys | undefined {
    return this.#open.at(-1)?.held;
  }

  begin(name: UnitName): void {
    // One of which no end was seen is over.
    if (name === TRANSACTION) this.end(name, 'undone');
    this.#open.push({ name, held: this.#hook.hold(this.held) });
  }

  /** Ends a unit, and with it those within. */
  end(name: UnitName, outcome: Outcome): void {
    const from = this.#open.findLastIndex((unit) => unit.name === name);
    if (from === -1) return;
    for (const { held } of this.#open.splice(from).reverse()) held.settle(outcome);
  }
}
