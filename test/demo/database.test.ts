import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SseTrigger } from 'sse-trigger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Place } from '../../demo/database.ts';
import { type Key, Notification } from '../../demo/notification.ts';
import { reasonOf } from '../../demo/reason.ts';
import { readSessionSecret } from '../../demo/setting.ts';
import { freePort } from '../support/free-port.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';

const trigger = new SseTrigger<Key>();
let folder: string;
let postgres: PostgresServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sse-trigger-bell-'));
  postgres = await startPostgres();
});
afterAll(async () => {
  await trigger.close();
  await postgres.stop();
  await rm(folder, { recursive: true });
});

describe.each<[string, () => Place]>([
  ['a file', () => ({ file: join(folder, 'bell.sqlite') })],
  ['PostgreSQL', () => ({ url: postgres.url })],
])('%s that is empty', (_, place) => {
  it('can be opened by several at the same moment, who agree on the secret of the sessions', async () => {
    const opened = await Promise.all(Array.from({ length: 4 }, () => openDatabase(place(), trigger)));
    const secrets = await Promise.all(opened.map((orm) => readSessionSecret(orm.em.fork())));
    expect(new Set(secrets).size).toBe(1);
    expect(secrets[0]!.length).toBeGreaterThan(40);
    for (const orm of opened) expect(await orm.em.fork().count(Notification)).toBe(0);
    await Promise.all(opened.map((orm) => orm.close()));
  });

  it('has what was saved and the same secret when it is opened again', async () => {
    const first = await openDatabase(place(), trigger);
    const secret = await readSessionSecret(first.em.fork());
    const em = first.em.fork();
    em.create(Notification, { from: 'alice', to: 'bob', text: 'hello' });
    await em.flush();
    await first.close();

    const second = await openDatabase(place(), trigger);
    expect(await readSessionSecret(second.em.fork())).toBe(secret);
    expect(await second.em.fork().find(Notification, {})).toMatchObject([{ to: 'bob', text: 'hello' }]);
    await second.close();
  });
});

it('leaves the tables of others in it as they are', async () => {
  const place = { file: join(folder, 'shared.sqlite') };
  const first = await openDatabase(place, trigger);
  const readSchema = () => first.em.getConnection().execute('select sql from sqlite_master order by sql');
  for (const name of ['notification', 'session', 'setting']) {
    await first.em.getConnection().execute(`create table ${name} (colour text)`);
  }
  const schema = await readSchema();
  const second = await openDatabase(place, trigger);
  expect(await readSchema()).toEqual(schema);
  await Promise.all([first.close(), second.close()]);
});

describe('what cannot be opened is told in one line:', () => {
  it('an error of many lines', () => {
    expect(reasonOf(new Error('no room left\n  at line 1\n  at line 2'))).toBe('no room left');
    expect(reasonOf(new AggregateError([new Error('first'), new Error('second')]))).toBe('first');
  });

  it('a PostgreSQL that is not there', async () => {
    const url = `postgres://tester:secret@localhost:${await freePort()}/postgres`;
    const opening = openDatabase({ url }, trigger);
    await expect(opening).rejects.toThrow(/^The database cannot be opened: connect ECONNREFUSED .+$/);
    await expect(opening).rejects.not.toThrow('secret');
  });

  it('a file that is no database', async () => {
    const file = join(folder, 'letter.txt');
    await writeFile(file, 'Dear database, …'.repeat(100));
    const opening = openDatabase({ file }, trigger);
    await expect(opening).rejects.toThrow(/^The database cannot be opened: .*file is not a database$/);
  });
});
