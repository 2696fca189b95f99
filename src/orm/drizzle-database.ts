import type { HeldKeys, Outcome } from '../held-keys.ts';
import { afterwards, hookPrepared, type Method, type Methods, type Watch } from './drizzle-prepared.ts';
import { tableWrite, type WriteQuery } from './drizzle-write.ts';
import type { ChangeKind } from './mapping.ts';
import { wasRefused } from './refusal.ts';
import type { SaveHook } from './save-hook.ts';

/** A Drizzle database, or a transaction of one. */
export interface Database {
  insert(table: never): object;
  update(table: never): object;
  delete(table: never): object;
  transaction(work: never, ...config: never[]): unknown;
}

/**
 * An insert, update or delete. Drizzle's own `execute`, `then`, `run`, `iterator` and `batch` all begin with one of these:
 * `prepare`, where there is no `_prepare`, which MySQL and SingleStore have not.
 */
type Query = WriteQuery & { _prepare?: Method; prepare?: Method };

/** Watches what is written in one transaction, or in none. */
export class DatabaseHook {
  readonly #hook: SaveHook<object, string>;
  readonly #held: HeldKeys | undefined;
  /** What `batch` carries out, it does past the queries. */
  readonly #watched = new WeakMap<object, Watch>();

  constructor(hook: SaveHook<object, string>, held?: HeldKeys | undefined) {
    this.#hook = hook;
    this.#held = held;
  }

  database<Db extends Database>(db: Db): Db {
    const own = db as unknown as Methods;
    const hooked: Methods = {
      ...this.#writers(own),
      with: (...queries) => {
        const within = own.with?.(...queries) as Methods;
        return { ...within, ...this.#writers(within) };
      },
      batch: (...args) => this.#batch(own, args[0] as object[], args),
      transaction: (work, ...config) => this.#transaction(own, work as Method, config),
    };
    return new Proxy(db, {
      get: (target, name) =>
        name in target && Object.hasOwn(hooked, name) ? hooked[name] : Reflect.get(target, name),
    });
  }

  #writers(own: Methods): Methods {
    return {
      insert: (table) => this.#builder(own.insert?.(table) as Methods, 'insert', ['values', 'select']),
      update: (table) => this.#builder(own.update?.(table) as Methods, 'update', ['set']),
      delete: (table) => this.#query(own.delete?.(table) as Query, 'delete'),
    };
  }

  /** The query itself is made by a method of what `insert` and `update` give. */
  #builder(builder: Methods, kind: ChangeKind, makers: readonly string[]): object {
    for (const name of makers) {
      const make = builder[name];
      if (make === undefined) continue;
      builder[name] = (...args) => this.#query(make.apply(builder, args) as Query, kind);
    }
    return builder;
  }

  #query(query: Query, kind: ChangeKind): object {
    if (!this.#hook.covers((mapped) => mapped === query.config.table)) return query;
    const tell = (answer: unknown, placeholders: object | undefined, outcome: Outcome) =>
      this.#hook.statements(
        () => [tableWrite(kind, query, answer, { ...placeholders })],
        this.#held,
        outcome,
      );
    const watch: Watch = {
      see: (answer, placeholders) => tell(answer, placeholders, 'done'),
      fail: (error, placeholders) => {
        // In a transaction it depends on the COMMIT.
        if (this.#held === undefined && !wasRefused(error)) tell(undefined, placeholders, 'unknown');
      },
    };
    this.#watched.set(query, watch);
    const name = query._prepare === undefined ? 'prepare' : '_prepare';
    const prepare = query[name];
    if (prepare === undefined) {
      this.#hook.statements(() => {
        throw new TypeError('a query of this Drizzle has no `prepare` that could be watched');
      });
      return query;
    }
    query[name] = (...args) => hookPrepared(prepare.apply(query, args) as Methods, watch);
    return query;
  }

  #batch(db: Methods, queries: readonly object[], args: unknown[]): unknown {
    const watched = queries.map((query) => this.#watched.get(query));
    return afterwards(
      db.batch?.(...args),
      (answers) => watched.forEach((watch, i) => void watch?.see((answers as unknown[])[i])),
      (error) => watched.forEach((watch) => void watch?.fail(error)),
    );
  }

  #transaction(db: Methods, work: Method, config: unknown[]): unknown {
    const held = this.#hook.hold(this.#held);
    const inside = new DatabaseHook(this.#hook, held);
    let outcome: Outcome = 'undone';
    const run: Method = (tx, ...rest) =>
      afterwards(work(inside.database(tx as Database), ...rest), () => {
        outcome = 'unknown'; // until the COMMIT is answered
      });
    const settle = () => held.settle(outcome);
    try {
      return afterwards(db.transaction?.(run, ...config), () => held.settle('done'), settle);
    } catch (error) {
      settle();
      throw error;
    }
  }
}
