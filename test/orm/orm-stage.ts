import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest';
import { SseTrigger, type SseTriggerError } from '../../src/index.ts';
import { RecordingStore } from '../support/recording-store.ts';
import type { Database, Place } from './database.ts';
import { type LossyProxy, openLossyProxy } from './lossy-proxy.ts';

/** A database with the users 1 to 3 and no notifications, and a trigger of each test's own. */
export interface OrmStage {
  readonly database: Database;
  readonly store: RecordingStore;
  readonly trigger: SseTrigger;
  readonly errors: readonly SseTriggerError[];
  /** The keys that have been pushed since the last time, write by write. Waits for a first one. */
  written(): Promise<string[][]>;
  /** The same, but each write in order, and perhaps none. */
  pushed(): Promise<string[][]>;
}

/** A way to a PostgreSQL that loses the answer to what matches `loses`, once that is set. */
export async function lossyWay(place: Place): Promise<{ proxy: LossyProxy; place: Place }> {
  if (!('url' in place)) throw new Error('there is no way to a file');
  const url = new URL(place.url);
  const proxy = await openLossyProxy(Number(url.port));
  url.port = String(proxy.port);
  return { proxy, place: { url: url.href } };
}

/** Called within `describe`, it sets the stage for each test there. */
export function ormStage(openDatabase: () => Promise<Database>): OrmStage {
  let database: Database;
  let store: RecordingStore;
  let trigger: SseTrigger;
  let errors: SseTriggerError[];

  beforeAll(async () => {
    database = await openDatabase();
    for (const userId of [1, 2, 3]) await database.add(userId);
  });

  beforeEach(async () => {
    await database.clear();
    store = new RecordingStore();
    errors = [];
    trigger = new SseTrigger({ store, onError: (error) => void errors.push(error) });
  });

  afterEach(() => trigger.close());
  afterAll(() => database[Symbol.asyncDispose]());

  return {
    get database() {
      return database;
    },
    get store() {
      return store;
    },
    get trigger() {
      return trigger;
    },
    get errors() {
      return errors;
    },
    async written() {
      await vi.waitFor(() => expect(store.writes).not.toEqual([]));
      return store.writes.splice(0);
    },
    async pushed() {
      // Some ORMs tell of the end of a transaction by a promise.
      await setImmediate();
      await trigger.push('last');
      const writes = store.writes.splice(0).map((keys) => keys.filter((key) => key !== 'last'));
      return writes.filter((keys) => keys.length > 0).map((keys) => keys.sort());
    },
  };
}
