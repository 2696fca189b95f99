import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { SseTrigger, type SseTriggerError } from '../../src/index.ts';
import { RecordingStore } from '../support/recording-store.ts';
import { blindSpotsOf, type Way } from './blind-spots.ts';
import { type Database, databases } from './database.ts';
import { openLossyProxy } from './lossy-proxy.ts';
import type { OrmUnderTest, Setting } from './orm-under-test.ts';

/** At most so many connections, where the ORM has a pool. */
export const POOL = 5;
const WRITES = 200;
/** A user whose rows the mapping cannot take. */
const ODD = 13;
const LAST = 999;

/** What all mappings give. */
export function keyOf(userId: number): string {
  if (userId === ODD) throw new Error('odd');
  return `notifications:${userId}`;
}

function sorted(pushes: readonly string[][]): string[][] {
  return pushes.map((keys) => keys.toSorted());
}

/**
 * What every adapter does, on both databases. Its blind spots are those that docs/orm.md says.
 *
 * @param options.nests whether the ORM has transactions in transactions, or on which database it has. Without, there are no
 *   tests of them.
 * @param options.nestsDeeply whether it undoes all of one that is rolled back when there was another in it.
 */
export function adapterConformance(
  orm: string,
  open: (setting: Setting) => Promise<OrmUnderTest>,
  {
    nests: where = true,
    nestsDeeply = true,
  }: { nests?: boolean | keyof typeof databases; nestsDeeply?: boolean } = {},
): void {
  for (const [name, openDatabase] of Object.entries(databases)) {
    describe(`${orm} on ${name}`, () => {
      let database: Database;
      let store: RecordingStore;
      let trigger: SseTrigger;
      let app: OrmUnderTest;
      let pushes: string[][];
      let errors: SseTriggerError[];
      let onPush: (keys: readonly string[]) => void;
      const nests = where === true || where === name;

      beforeAll(async () => {
        database = await openDatabase();
        for (let userId = 0; userId < 100; userId += 1) await database.add(userId);
        await database.add(LAST);
      });

      beforeEach(async () => {
        await database.clear();
        store = new RecordingStore();
        errors = [];
        pushes = [];
        onPush = () => {};
        trigger = new SseTrigger({ store, onError: (error) => void errors.push(error) });
        const push = trigger.push.bind(trigger);
        vi.spyOn(trigger, 'push').mockImplementation((key) => {
          const keys = [key].flat();
          pushes.push(keys);
          onPush(keys);
          return push(key);
        });
        app = await start();
      });

      afterEach(async () => {
        await app.close();
        await trigger.close();
      });

      afterAll(async () => {
        await database[Symbol.asyncDispose]();
      });

      const start = (setting: Partial<Setting> = {}) =>
        open({ place: database.place, trigger, hook: 'adapter', bulk: undefined, ...setting });

      /** What has been pushed since the last time, push by push. */
      async function pushed(): Promise<string[][]> {
        await app.insert({ userId: LAST, text: 'last' });
        await vi.waitFor(() => expect(pushes.flat()).toContain(keyOf(LAST)));
        return pushes.splice(0).filter((keys) => !keys.includes(keyOf(LAST)));
      }

      it('pushes after an insert, an update and a delete', async () => {
        const id = await app.insert({ userId: 1, text: 'a' });
        expect(await pushed()).toEqual([[keyOf(1)]]);
        await app.update(id, { text: 'b' });
        expect(await pushed()).toEqual([[keyOf(1)]]);
        await app.delete(id);
        expect(await pushed()).toEqual([[keyOf(1)]]);
      });

      it('pushes what a transaction wrote after its commit, in one push and each key once', async () => {
        await app.transaction(async (inside) => {
          await inside.insert({ userId: 1, text: 'a' });
          const id = await inside.insert({ userId: 2, text: 'b' });
          await inside.update(id, { text: 'c' });
          expect(pushes).toEqual([]);
        });
        expect(sorted(await pushed())).toEqual([[keyOf(1), keyOf(2)]]);
      });

      it('pushes nothing of a transaction that is rolled back', async () => {
        const undo = new Error('undo');
        const undone = app.transaction(async (inside) => {
          await inside.insert({ userId: 1, text: 'a' });
          throw undo;
        });
        await expect(undone).rejects.toThrow('undo');
        expect(await pushed()).toEqual([]);
      });

      if (nests) {
        it('pushes what an inner transaction wrote after the commit of the outer one', async () => {
          await app.transaction(async (inside) => {
            await inside.insert({ userId: 1, text: 'a' });
            await inside.nested!(async (inner) => {
              await inner.insert({ userId: 2, text: 'b' });
            });
            await inside.insert({ userId: 3, text: 'c' });
            expect(pushes).toEqual([]);
          });
          expect(sorted(await pushed())).toEqual([[keyOf(1), keyOf(2), keyOf(3)]]);
        });

        it('drops what an inner transaction wrote that is rolled back, and no more', async () => {
          await app.transaction(async (inside) => {
            await inside.insert({ userId: 1, text: 'a' });
            const undone = inside.nested!(async (inner) => {
              await inner.insert({ userId: 2, text: 'b' });
              if (nestsDeeply) {
                await inner.nested!(async (innermost) => {
                  await innermost.insert({ userId: 4, text: 'd' });
                });
              }
              throw new Error('undo');
            });
            await expect(undone).rejects.toThrow('undo');
            await inside.insert({ userId: 3, text: 'c' });
          });
          expect(sorted(await pushed())).toEqual([[keyOf(1), keyOf(3)]]);
        });

        it('pushes nothing of an inner transaction when the outer one is rolled back', async () => {
          const undone = app.transaction(async (inside) => {
            await inside.nested!(async (inner) => {
              await inner.insert({ userId: 2, text: 'b' });
            });
            throw new Error('undo');
          });
          await expect(undone).rejects.toThrow('undo');
          expect(await pushed()).toEqual([]);
        });
      }

      it('saves a row whose mapping throws, and tells of it', async () => {
        const id = await app.insert({ userId: ODD, text: 'odd' });
        expect(await database.textOf(id)).toBe('odd');
        expect(await pushed()).toEqual([]);
        expect(errors).toMatchObject([{ code: 'mapping_failed', cause: { message: 'odd' } }]);
        await app.transaction(async (inside) => {
          await inside.insert({ userId: ODD, text: 'odd' });
          await inside.insert({ userId: 1, text: 'a' });
        });
        expect(await pushed()).toEqual([[keyOf(1)]]);
      });

      it('neither breaks nor delays a save when the store is down', async () => {
        store.failure = new Error('down');
        const id = await app.insert({ userId: 1, text: 'a' });
        expect(await database.textOf(id)).toBe('a');
        await vi.waitFor(() => expect(errors).toMatchObject([{ code: 'write_failed' }]));
        let answer = () => {};
        store.write = () => new Promise((resolve) => (answer = resolve));
        await app.transaction(async (inside) => {
          await inside.update(id, { text: 'b' });
        });
        expect(await database.textOf(id)).toBe('b');
        answer();
      });

      it(`shows what was saved at the moment of the push, ${WRITES} times of ${WRITES}`, async () => {
        expect(await staleOf(app)).toBe(0);
      });

      /** How many of so many transactions another connection did not see yet when they were pushed. */
      async function staleOf(writer: OrmUnderTest): Promise<number> {
        const { id, userId } = await database.add(1);
        let stale = 0;
        for (let write = 1; write <= WRITES; write += 1) {
          const text = `write ${write}`;
          const seen = new Promise<string | undefined>((resolve) => {
            onPush = (keys) => {
              if (keys.includes(keyOf(userId))) resolve(database.textOf(id));
            };
          });
          await writer.transaction(async (inside) => {
            await inside.update(id, { text });
          });
          if ((await seen) !== text) stale += 1;
        }
        return stale;
      }

      for (const [way, sight] of Object.entries(blindSpotsOf(orm)) as [Way, string][]) {
        it(`${way}: ${sight}`, async () => {
          const row = await database.add(1);
          const write = app.ways[way];
          if (sight === 'no such way') return expect(write).toBeUndefined();
          await write!(way === 'upsert' ? { ...row, userId: 2 } : row);
          // The row is what is stored, and not what was given.
          const userId = (await database.userOf(row.id)) ?? row.userId;
          const keys = (await pushed()).flat();
          expect([...new Set(keys)]).toEqual(sight === 'seen' ? [keyOf(userId)] : []);
          expect(errors.map(({ code }) => code)).toEqual(sight === 'key unknown' ? ['rows_unknown'] : []);
          if (sight !== 'key unknown') return;
          await app.close();
          app = await start({ bulk: () => 'all' });
          await app.ways[way]!(await database.add(1));
          expect((await pushed()).flat()).toEqual(['all']);
        });
      }

      if (name !== 'PostgreSQL') return;

      it('is not what the obvious hook would be, which pushes too soon', async () => {
        await app.close();
        app = await start({ hook: 'obvious' });
        expect(await staleOf(app)).toBeGreaterThan(0);
      });

      it(`keeps 60 transactions apart that share ${POOL} connections`, async () => {
        const fates = Array.from({ length: 60 }, (_, userId) => ({ userId, isUndone: userId % 3 === 0 }));
        await Promise.allSettled(
          fates.map(({ userId, isUndone }) =>
            app.transaction(async (inside) => {
              if (userId === ODD) return;
              const id = await inside.insert({ userId, text: 'a' });
              await inside.update(id, { text: 'b' });
              if (isUndone) throw new Error('undo');
            }),
          ),
        );
        const kept = fates.filter(({ userId, isUndone }) => !isUndone && userId !== ODD);
        expect((await pushed()).sort()).toEqual(kept.map(({ userId }) => [keyOf(userId)]).sort());
      });

      it('pushes when the answer to the COMMIT is lost', async () => {
        const url = new URL((database.place as { url: string }).url);
        using proxy = await openLossyProxy(Number(url.port));
        url.port = String(proxy.port);
        const row = await database.add(1);
        const remote = await start({ place: { url: url.href } });
        try {
          await remote.update(row.id, { text: 'a' });
          await vi.waitFor(() => expect(pushes.splice(0)).toEqual([[keyOf(1)]]));
          proxy.loses = /commit/i;
          const lost = remote.transaction(async (inside) => {
            await inside.update(row.id, { text: 'b' });
          });
          await expect(lost).rejects.toThrow();
          await vi.waitFor(() => expect(pushes).toEqual([[keyOf(1)]]));
          expect(await database.textOf(row.id)).toBe('b');
        } finally {
          proxy.loses = undefined;
          await remote.close();
        }
      });
    });
  }
}
