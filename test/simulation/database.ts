import { KEYS, type Key, type Viewer } from './pages.ts';

/** Something that was committed. */
export interface Commit {
  readonly key: Key;
  readonly state: number;
}

/** Until when a viewer may look; each change has a number. */
export interface Grant {
  readonly until: number;
  readonly state: number;
}

/** What the application keeps: a state for each key, which every commit makes one greater, and who may look until when. */
export class Database {
  readonly #states: Record<Key, number> = { a: 0, b: 0, c: 0 };
  readonly #grants: Record<Viewer, Grant> = {
    ann: { until: Number.POSITIVE_INFINITY, state: 0 },
    bob: { until: Number.POSITIVE_INFINITY, state: 0 },
  };

  /** What is committed. */
  stateOf(key: Key): number {
    return this.#states[key];
  }

  statesOf(keys: readonly Key[] = KEYS): Partial<Record<Key, number>> {
    return Object.fromEntries(keys.map((key) => [key, this.#states[key]]));
  }

  change(key: Key): Commit {
    this.#states[key] += 1;
    return { key, state: this.#states[key] };
  }

  begin(): Transaction {
    return new Transaction(this);
  }

  grantOf(viewer: Viewer): Grant {
    return this.#grants[viewer];
  }

  /** 0 for a viewer who may not look. */
  grant(viewer: Viewer, until: number): Grant {
    this.#grants[viewer] = { until, state: this.#grants[viewer].state + 1 };
    return this.#grants[viewer];
  }
}

/** Changes that nobody sees before they are committed. */
export class Transaction {
  readonly #database: Database;
  readonly #keys: Key[] = [];

  constructor(database: Database) {
    this.#database = database;
  }

  write(key: Key): void {
    this.#keys.push(key);
  }

  /** Says how to undo what is written after it. */
  savepoint(): () => void {
    const written = this.#keys.length;
    return () => {
      this.#keys.length = written;
    };
  }

  commit(): readonly Commit[] {
    return this.#keys.map((key) => this.#database.change(key));
  }
}
