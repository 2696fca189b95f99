import { SseTrigger } from 'sse-trigger';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Database, openDatabase } from '../../demo/database.ts';
import { type Key, Notification } from '../../demo/notification.ts';
import { RecordingStore } from '../support/recording-store.ts';
import { databases, type TestDatabase } from './databases.ts';

describe.each(databases)('with $name', ({ start }) => {
  let database: TestDatabase;
  let trigger: SseTrigger<Key>;
  let orm: Database;
  /** The keys of each push so far. */
  let pushes: readonly string[][];

  beforeAll(async () => {
    database = await start();
  });
  afterAll(() => database[Symbol.asyncDispose]());
  beforeEach(async () => {
    const store = new RecordingStore();
    pushes = store.writes;
    trigger = new SseTrigger({ store });
    orm = await openDatabase(database.place, trigger);
  });
  afterEach(async () => {
    await trigger.close();
    await orm.schema.dropSchema();
    await orm.close();
  });

  it('pushes the bells of all whom a flush concerns, and that there are more, each once', async () => {
    const em = orm.em.fork();
    for (const to of ['bob', 'carol', 'bob']) em.create(Notification, toNotification(to));
    await em.flush();
    await vi.waitFor(() =>
      expect(pushes).toEqual([['notifications:bob', 'notifications', 'notifications:carol']]),
    );
  });

  it('pushes the bell alone after a change, and after a removal', async () => {
    const em = orm.em.fork();
    const notification = em.create(Notification, toNotification('bob'));
    await em.flush();
    await vi.waitFor(() => expect(pushes).toHaveLength(1));
    notification.read = true;
    await em.flush();
    await vi.waitFor(() => expect(pushes[1]).toEqual(['notifications:bob']));
    await em.remove(notification).flush();
    await vi.waitFor(() => expect(pushes[2]).toEqual(['notifications:bob']));
  });

  it('pushes when the transaction is committed, and nothing of one that is rolled back', async () => {
    const undone = orm.em.fork().transactional(async (em) => {
      em.create(Notification, toNotification('bob'));
      await em.flush();
      throw new Error('changed my mind');
    });
    await expect(undone).rejects.toThrow('changed my mind');
    await orm.em.fork().transactional(async (em) => {
      em.create(Notification, toNotification('carol'));
    });
    await vi.waitFor(() => expect(pushes).toEqual([['notifications:carol', 'notifications']]));
  });
});

function toNotification(to: string) {
  return { from: 'alice', to, text: 'Lunch at noon?' };
}
