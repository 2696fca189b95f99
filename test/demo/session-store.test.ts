import { promisify } from 'node:util';
import type { SessionData } from 'express-session';
import { SseTrigger } from 'sse-trigger';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../demo/database.ts';
import type { Key } from '../../demo/notification.ts';
import { DatabaseSessionStore, Session } from '../../demo/session-store.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { databases, type TestDatabase } from './databases.ts';
import { toSession } from './to-session.ts';

const trigger = new SseTrigger<Key>();
afterAll(() => trigger.close());

describe.each(databases)('with $name', ({ start }) => {
  let database: TestDatabase;
  let orm: Database;
  let store: DatabaseSessionStore;
  const get = (id: string) => promisify<string, unknown>(store.get).call(store, id);
  const set = (id: string, session: SessionData) =>
    promisify<string, SessionData>(store.set).call(store, id, session);
  const destroy = (id: string) => promisify<string>(store.destroy).call(store, id);

  beforeAll(async () => {
    database = await start();
  });
  afterAll(() => database[Symbol.asyncDispose]());
  beforeEach(async () => {
    orm = await openDatabase(database.place, trigger);
    store = new DatabaseSessionStore(orm.em);
  });
  afterEach(async () => {
    await orm.schema.dropSchema().catch(() => {});
    await orm.close();
  });

  it('keeps a session, changes and all, until it is destroyed', async () => {
    await set('id', toSession(['alice']));
    await set('id', toSession(['alice', 'Zoë 🔔']));
    await set('other', toSession(['bob']));
    expect(await get('id')).toMatchObject({ users: ['alice', 'Zoë 🔔'], cookie: { httpOnly: true } });
    await destroy('id');
    expect(await get('id')).toBeFalsy();
    expect(await get('other')).toMatchObject({ users: ['bob'] });
  });

  it('knows nothing of a session that was never there', async () => {
    expect(await get('id')).toBeFalsy();
    await destroy('id');
  });

  it('does not give a session that has expired, and can remove it', async () => {
    await set('old', toSession(['alice'], -1));
    await set('new', toSession(['alice']));
    expect(await get('old')).toBeFalsy();
    await store.removeExpired();
    expect((await orm.em.fork().findAll(Session)).map(({ id }) => id)).toEqual(['new']);
  });

  it('hands on what goes wrong with the database, and neither throws nor rejects', async () => {
    await orm.schema.dropSchema();
    const failure = /does not exist|no such table/;
    await expect(get('id')).rejects.toThrow(failure);
    await expect(set('id', toSession(['alice']))).rejects.toThrow(failure);
    await expect(destroy('id')).rejects.toThrow(failure);
    // vitest fails the run for a rejection that nobody handles.
    store.set('id', toSession(['alice']));
    store.destroy('id');
    await expect(get('id')).rejects.toThrow(failure);
  });

  it('hands on what has no JSON', async () => {
    const session = { ...toSession(['alice']), users: 1n } as unknown as SessionData;
    await expect(set('id', session)).rejects.toThrow(/BigInt/);
  });
});

it('lives through an outage of the database', async () => {
  await using postgres = await startPostgres();
  const orm = await openDatabase({ url: postgres.url }, trigger);
  const store = new DatabaseSessionStore(orm.em);
  const set = promisify<string, SessionData>(store.set).bind(store);
  const get = promisify<string, unknown>(store.get).bind(store);
  await set('id', toSession(['alice']));
  await postgres.kill();
  await expect(get('id')).rejects.toThrow();
  await expect(set('id', toSession(['bob']))).rejects.toThrow();
  store.set('id', toSession(['bob']));
  store.destroy('id');
  await expect(get('id')).rejects.toThrow();
  await postgres.start();
  expect(await get('id')).toMatchObject({ users: ['alice'] });
  await orm.close();
});
