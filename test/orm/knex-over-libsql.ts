import { createRequire } from 'node:module';
import type { Knex } from 'knex';
import Sqlite from 'libsql';

const require = createRequire(import.meta.url);
const Transaction = require('knex/lib/execution/transaction.js') as new (...args: unknown[]) => Ending;
const BetterSqlite3 = require('knex/lib/dialects/better-sqlite3/index.js') as typeof Knex.Client;

/**
 * Knex's client for `better-sqlite3`, over libsql, which has the same methods: `better-sqlite3` itself is compiled by an
 * install script on Node 20, for some 100 s.
 */
export class LibsqlClient extends BetterSqlite3 {
  _driver(): typeof Sqlite {
    return Sqlite;
  }

  override async acquireRawConnection(): Promise<Sqlite.Database> {
    const { filename } = this.connectionSettings as { filename: string };
    const sqlite = new Sqlite(filename, { timeout: 5000 });
    sqlite.exec('pragma foreign_keys = on');
    return sqlite;
  }
}

/** What is called of Knex's own transaction, and meant to be overridden. */
interface Ending {
  _completed: boolean;
  _resolver(value?: unknown): void;
  _rejecter(error: unknown): void;
}

/** It ends as those of Oracle and SQL Server do, which do not run here: without a statement that Knex tells of. */
class SilentTransaction extends Transaction {
  commit(sqlite: Sqlite.Database, value: unknown): void {
    this._completed = true;
    sqlite.exec('commit');
    this._resolver(value);
  }

  release(_sqlite: Sqlite.Database, value: unknown): void {
    this._resolver(value);
  }

  rollback(sqlite: Sqlite.Database, error: unknown): void {
    this._completed = true;
    sqlite.exec('rollback');
    if (error === undefined) this._resolver();
    else this._rejecter(error);
  }
}

export class SilentLibsqlClient extends LibsqlClient {
  override transaction(...args: unknown[]): never {
    return new SilentTransaction(this, ...args) as never;
  }
}
