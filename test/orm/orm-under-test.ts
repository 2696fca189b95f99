import type { SseTrigger } from '../../src/index.ts';
import type { Way } from './blind-spots.ts';
import type { Place, Row } from './database.ts';

/** One row at a time, through the ORM, as its users do. */
export interface Writer {
  /** Gives the id. */
  insert(row: { userId: number; text: string }): Promise<number>;
  update(id: number, values: { userId?: number; text?: string }): Promise<unknown>;
  delete(id: number): Promise<unknown>;
  /** A transaction in the transaction: a savepoint, which is rolled back when `work` throws. */
  nested?(work: (inner: Writer) => Promise<void>): Promise<unknown>;
}

export interface OrmUnderTest extends Writer {
  /** Rolled back when `work` throws. */
  transaction(work: (inside: Writer) => Promise<void>): Promise<unknown>;
  /** How else the ORM can write a row that is there, or, in bulk, several of its user. An upsert gets another user. */
  readonly ways: Readonly<Partial<Record<Way, (row: Row) => Promise<unknown>>>>;
  close(): Promise<unknown>;
}

export interface Setting {
  readonly place: Place;
  readonly trigger: SseTrigger;
  /** 'obvious' is what people write who do not know of this package's adapter: a push from the hook, or after the write. */
  readonly hook: 'adapter' | 'obvious';
  /** The option of `on`. */
  readonly bulk: (() => string) | undefined;
}
