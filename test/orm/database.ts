import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'libsql';
import pg from 'pg';
import { startPostgres } from '../support/postgres-server.ts';

/** The file of an embedded database, or the URL of a PostgreSQL. */
export type Place = { readonly file: string } | { readonly url: string };

export interface Row {
  readonly id: number;
  readonly userId: number;
}

/** A database of the test's own with the tables, over a connection that no ORM has anything to do with. */
export interface Database extends AsyncDisposable {
  readonly place: Place;
  /** What is committed at this moment: the text of a notification, unless there is none or it is deleted. */
  textOf(id: number): Promise<string | undefined>;
  /** Whose notification it is at this moment, if there is one. */
  userOf(id: number): Promise<number | undefined>;
  /** Adds a notification past the ORM. */
  add(userId: number): Promise<Row>;
  clear(): Promise<void>;
}

export const databases: Readonly<Record<'embedded' | 'PostgreSQL', () => Promise<Database>>> = {
  embedded: openEmbedded,
  PostgreSQL: openPostgres,
};

const TEXT = 'select text from notifications where id = $1 and deleted_at is null';
const USER = 'select user_id from notifications where id = $1';
const ADD = 'insert into notifications (user_id, text) values ($1, $2) returning id';

async function openEmbedded(): Promise<Database> {
  const folder = await mkdtemp(join(tmpdir(), 'sse-trigger-orm-'));
  const file = join(folder, 'test.sqlite');
  const sqlite = new Sqlite(file, { timeout: 5000 });
  sqlite.exec(`
    pragma journal_mode = wal;
    create table users (id integer primary key);
    create table notifications (
      id integer primary key autoincrement,
      user_id integer not null references users on delete cascade,
      text text not null,
      read boolean not null default false,
      deleted_at datetime
    )`);
  return {
    place: { file },
    textOf: async (id) => (sqlite.prepare(TEXT).get(id) as { text: string } | undefined)?.text,
    userOf: async (id) => (sqlite.prepare(USER).get(id) as { user_id: number } | undefined)?.user_id,
    async add(userId) {
      sqlite.prepare('insert into users (id) values (?) on conflict do nothing').run(userId);
      const { id } = sqlite.prepare(ADD).get(userId, 'added') as { id: number };
      return { id, userId };
    },
    async clear() {
      sqlite.exec('delete from notifications');
    },
    async [Symbol.asyncDispose]() {
      sqlite.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** With `fsync`, since without it a COMMIT takes no time, and even the obvious hook seems right. */
async function openPostgres(): Promise<Database> {
  const server = await startPostgres({ fsync: true });
  const client = new pg.Client(server.url);
  await client.connect();
  await client.query(`
    create table users (id integer primary key);
    create table notifications (
      id serial primary key,
      user_id integer not null references users on delete cascade,
      text text not null,
      read boolean not null default false,
      deleted_at timestamptz
    )`);
  return {
    place: { url: server.url },
    textOf: async (id) => (await client.query<{ text: string }>(TEXT, [id])).rows[0]?.text,
    userOf: async (id) => (await client.query<{ user_id: number }>(USER, [id])).rows[0]?.user_id,
    async add(userId) {
      await client.query('insert into users (id) values ($1) on conflict do nothing', [userId]);
      const { rows } = await client.query<{ id: number }>(ADD, [userId, 'added']);
      return { id: rows[0]!.id, userId };
    },
    async clear() {
      await client.query('delete from notifications');
    },
    async [Symbol.asyncDispose]() {
      await client.end();
      await server.stop();
    },
  };
}
