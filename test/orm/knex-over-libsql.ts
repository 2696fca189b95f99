import { createRequire } from 'node:module';
import type { Knex } from 'knex';
import Sqlite from 'libsql';

const require = createRequire(import.meta.url);
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
