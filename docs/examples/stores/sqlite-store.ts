import type { Reading, Store } from 'sse-trigger';

/** What is called of better-sqlite3 or libsql. */
interface Sqlite {
  exec(sql: string): unknown;
  prepare(sql: string): { get(...values: unknown[]): unknown; run(...values: unknown[]): unknown };
  transaction(work: () => void): { immediate(): unknown };
}

/** Keeps versions in SQLite, for all processes that have the file open. */
export class SqliteStore implements Store {
  readonly #db: Sqlite;

  constructor(db: Sqlite) {
    this.#db = db;
    db.exec('create table if not exists versions (key text primary key, token text not null)');
  }

  async read(keys: readonly string[], signal: AbortSignal): Promise<readonly Reading[]> {
    signal.throwIfAborted();
    const find = this.#db.prepare('select token from versions where key = ?');
    return keys.map((key) => {
      const row = find.get(key) as { token: string } | undefined;
      return row && { token: row.token, identity: '' };
    });
  }

  async write(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    this.#insert('on conflict (key) do update set token = excluded.token', versions, signal);
  }

  async add(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    this.#insert('on conflict (key) do nothing', versions, signal);
  }

  #insert(onConflict: string, versions: ReadonlyMap<string, string>, signal: AbortSignal): void {
    signal.throwIfAborted();
    const insert = this.#db.prepare(`insert into versions (key, token) values (?, ?) ${onConflict}`);
    this.#db.transaction(() => {
      for (const [key, token] of versions) insert.run(key, token);
    }).immediate();
  }
}
