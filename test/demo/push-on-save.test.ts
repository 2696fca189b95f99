import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Database, openDatabase } from '../../demo/database.ts';
import { Notification } from '../../demo/notification.ts';
import { databases, type TestDatabase } from './databases.ts';

describe.each(databases)('with $name', ({ start }) => {
  let database: TestDatabase;
  let orm: Database;
  /** The keys of each push so far. */
  let pushes: unknown[];

  beforeAll(async () => {
    database = await start();
  });
  afterAll(() => database[Symbol.asyncDispose]());
  beforeEach(async () => {
    pushes = [];
    orm = await openDatabase(database.place, {
      push(keys) {
        pushes.push(keys);
        return Promise.resolve(true);
      },
    });
  });
  afterEach(async () => {
    await orm.schema.dropSchema();
    await orm.close();
  });

  it('pushes the bells of all whom a flush concerns, and that there are more, each once', async () => {
    const em = orm.em.fork();
    for (const to of ['bob', 'carol', 'bob']) em.create(Notification, toNotification(to));
    await em.flush();
    expect(pushes).toEqual([['notifications:bob', 'notifications', 'notifications:carol']]);
  });

  it('pushes the bell alone after a change, and after a removal', async () => {
    const em = orm.em.fork();
    const notification = em.create(Notification, toNotification('bob'));
    await em.flush();
    pushes = [];
    notification.read = true;
    await em.flush();
    em.remove(notification);
    await em.flush();
    expect(pushes).toEqual([['notifications:bob'], ['notifications:bob']]);
  });

  it('pushes only when the transaction is committed', async () => {
    await orm.em.fork().transactional(async (em) => {
      em.create(Notification, toNotification('bob'));
      await em.flush();
      em.create(Notification, toNotification('bob'));
      await em.flush();
      expect(pushes).toEqual([]);
    });
    expect(pushes).toEqual([['notifications:bob', 'notifications']]);
  });

  it('pushes when another connection can see the row', async () => {
    const counts: Promise<number>[] = [];
    const seeing = await openDatabase(database.place, {
      push() {
        counts.push(orm.em.fork().count(Notification));
        return Promise.resolve(true);
      },
    });
    for (let saved = 0; saved < 20; saved += 1) {
      const em = seeing.em.fork();
      em.create(Notification, toNotification('bob'));
      await em.flush();
      expect(await counts[saved]).toBe(saved + 1);
    }
    await seeing.close();
  });

  it('pushes nothing of a transaction that is rolled back', async () => {
    const work = orm.em.fork().transactional(async (em) => {
      em.create(Notification, toNotification('bob'));
      await em.flush();
      throw new Error('changed my mind');
    });
    await expect(work).rejects.toThrow('changed my mind');
    await orm.em.fork().transactional(async (em) => {
      em.create(Notification, toNotification('carol'));
    });
    expect(pushes).toEqual([['notifications:carol', 'notifications']]);
  });

  it('pushes what was saved in savepoints once, at the outer commit', async () => {
    await orm.em.fork().transactional(async (outer) => {
      await outer.transactional(async (inner) => {
        inner.create(Notification, toNotification('bob'));
        await inner.transactional(async (innermost) => {
          innermost.create(Notification, toNotification('bob'));
        });
      });
      expect(pushes).toEqual([]);
    });
    expect(pushes).toEqual([['notifications:bob', 'notifications']]);
  });

  it('does not fail a save that is committed', async () => {
    const refusing = await openDatabase(database.place, {
      push() {
        throw new TypeError('not a key');
      },
    });
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const em = refusing.em.fork();
    em.create(Notification, toNotification('bob'));
    await em.flush();
    expect(await em.fork().count(Notification)).toBe(1);
    expect(warn).toHaveBeenCalledExactlyOnceWith(new TypeError('not a key'));
    warn.mockRestore();
    await refusing.close();
  });
});

function toNotification(to: string) {
  return { from: 'alice', to, text: 'Lunch at noon?' };
}
