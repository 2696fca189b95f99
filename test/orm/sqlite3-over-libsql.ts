import Sqlite from 'libsql';

// The module `sqlite3`, as far as Sequelize calls it, over libsql. Its own comes with an install script that may compile for
// minutes, and Sequelize 6 knows no other.

export const OPEN_READWRITE = 2;
export const OPEN_CREATE = 4;

/** What a callback gets as `this`. Sequelize asks for the name of its class. */
class Statement {
  changes = 0;
  lastID = 0;
}

type Callback = (this: Statement, error: unknown, rows?: unknown[]) => void;
type Bindings = readonly unknown[] | Readonly<Record<string, unknown>>;

export class Database {
  readonly filename: string;
  readonly #sqlite: Sqlite.Database;

  constructor(filename: string, _mode: number, onOpen: (error: null) => void) {
    this.filename = filename;
    this.#sqlite = new Sqlite(filename, { timeout: 5000 });
    // Later, since the caller has yet to keep what it constructs.
    process.nextTick(onOpen, null);
  }

  /** They are, always. */
  serialize(work: () => void): void {
    work();
  }

  run(sql: string, bindings?: Bindings | Callback, callback?: Callback): void {
    this.all(sql, bindings, callback);
  }

  all(sql: string, bindings: Bindings | Callback = [], callback?: Callback): void {
    if (typeof bindings === 'function') {
      this.all(sql, [], bindings);
      return;
    }
    const statement = new Statement();
    let rows: unknown[] = [];
    let failure: unknown = null;
    try {
      const prepared = this.#sqlite.prepare(sql);
      if (prepared.reader) {
        rows = prepared.all(bound(bindings));
      } else {
        const { changes, lastInsertRowid } = prepared.run(bound(bindings));
        Object.assign(statement, { changes, lastID: Number(lastInsertRowid) });
      }
    } catch (error) {
      failure = error;
    }
    process.nextTick(() => callback?.call(statement, failure, rows));
  }

  close(onClose?: (error: null) => void): void {
    this.#sqlite.close();
    if (onClose) process.nextTick(onClose, null);
  }
}

/** `sqlite3` takes names as they stand in the SQL, `$1`, and booleans. */
function bound(bindings: Bindings): unknown {
  if (Array.isArray(bindings)) return bindings.map(toSqlite);
  return Object.fromEntries(
    Object.entries(bindings).map(([name, value]) => [name.slice(1), toSqlite(value)]),
  );
}

function toSqlite(value: unknown): unknown {
  return typeof value === 'boolean' ? Number(value) : value;
}
