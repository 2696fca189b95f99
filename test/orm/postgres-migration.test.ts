import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { migration, on } from '../../src/orm/postgres.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { blindSpotsOf, type Way } from './blind-spots.ts';
import { type Ear, openEar } from './heard.ts';

/** Without a key: all of them. */
const EVERYTHING = '';
const POOL = 5;

let server: PostgresServer;
let sql: pg.Client;
let ear: Ear;

const TABLES = `
  drop schema if exists app cascade;
  drop table if exists users, notifications;
  create table users (id integer primary key);
  create table notifications (
    id serial primary key,
    user_id integer references users on delete cascade on update cascade,
    title text not null default '',
    read boolean not null default false
  );
  insert into users select generate_series(1, 100)`;

const notifications = on('notifications', { key: 'notifications:{user_id}' });

/** Runs as a migration tool does. */
async function install(...tables: Parameters<typeof migration>[0]['tables']): Promise<void> {
  await sql.query(migration({ tables }).up);
}

async function remove(): Promise<void> {
  await sql.query(migration({ tables: [notifications] }).down);
}

async function add(...users: (number | null)[]): Promise<void> {
  await sql.query('insert into notifications (user_id) select unnest($1::int[])', [users]);
}

/** What the migrations have made and left. */
async function traces(): Promise<unknown> {
  const { rows } = await sql.query(`
    select count(*)::int as count from (
      select oid from pg_namespace where nspname = 'sse_trigger'
      union all select oid from pg_proc where pronamespace = to_regnamespace('sse_trigger')
      union all select oid from pg_trigger where tgname like 'sse_trigger%'
    ) as traces`);
  return rows[0].count;
}

beforeAll(async () => {
  server = await startPostgres();
  sql = new pg.Client(server.url);
  await sql.connect();
  ear = await openEar(server.url);
});

beforeEach(async () => {
  await sql.query(TABLES);
});

afterEach(async () => {
  await remove();
  await ear.keys();
});

afterAll(async () => {
  await ear[Symbol.asyncDispose]();
  await sql.end();
  await server.stop();
});

describe('the migration', () => {
  it('can be run twice, and in place of another, and leaves nothing when it is taken back', async () => {
    expect(await traces()).toBe(0);
    await install(notifications, on('users', { key: 'user:{id}' }));
    await install(notifications, on('users', { key: 'user:{id}' }));
    await add(1);
    await sql.query('insert into users values (101)');
    expect(await ear.keys()).toEqual(['notifications:1', 'user:101']);
    await install(notifications);
    await sql.query('insert into users values (102)');
    expect(await ear.keys()).toEqual([]);
    await remove();
    await add(1);
    expect(await ear.keys()).toEqual([]);
    expect(await traces()).toBe(0);
    await remove();
  });

  it('leaves what somebody else has put into its schema', async () => {
    await install(notifications);
    await sql.query(`
      create table sse_trigger.precious ();
      create function sse_trigger.push() returns trigger language plpgsql as 'begin return new; end'`);
    await install(notifications);
    await expect(remove()).rejects.toThrow('cannot drop schema');
    await sql.query('drop table sse_trigger.precious; drop function sse_trigger.push()');
  });

  it('wants the right to make a schema only when there is none', async () => {
    await sql.query(`
      drop role if exists keeper;
      create role keeper;
      grant create on database postgres to keeper;
      grant create, usage on schema public to keeper;
      alter table notifications owner to keeper;
      set role keeper`);
    await install(notifications);
    await sql.query('reset role; revoke create on database postgres from keeper; set role keeper');
    await install(notifications);
    await remove();
    await expect(install(notifications)).rejects.toThrow('permission denied for database');
    await sql.query('reset role; drop owned by keeper cascade; drop role keeper');
  });

  it('refuses a column that is not there, and one whose text is not the same in every session', async () => {
    await sql.query(`
      create schema app;
      create domain app.weight as real;
      create domain app.heavy as app.weight;
      create domain app.count as integer;
      create domain app.many as app.count;
      alter table notifications add at timestamptz, add size real, add code char(4), add kind regclass,
        add load app.heavy, add list text[], add ok uuid, add good app.many`);
    for (const [column, type] of [
      ['usr_id', 'not there'],
      ['at', 'timestamp with time zone'],
      ['size', 'real'],
      ['code', 'character'],
      ['kind', 'regclass'],
      ['load', 'real'],
      ['list', 'text[]'],
    ]) {
      await expect(install(on('notifications', { key: `n:{${column}}` }))).rejects.toThrow(
        `sse-trigger can make no key of notifications.${column} (${type})`,
      );
    }
    await expect(install(on('notificatons', { key: 'n:{id}' }))).rejects.toThrow('does not exist');
    expect(await traces()).toBe(0);
    await install(on('notifications', { key: 'n:{ok}:{good}' }));
  });

  it('is misused with a TypeError that says how it is meant', () => {
    const wrong: [() => unknown, string][] = [
      [() => migration({ tables: [] }), 'migration takes what `on` gives'],
      [() => migration({ tables: [{} as never] }), 'migration takes what `on` gives'],
      [() => migration({ tables: [notifications, notifications] }), 'is there twice'],
      [() => migration({ tabels: [] } as never), 'no option "tabels"'],
      [() => on('', { key: 'a' }), 'must be a name'],
      [() => on('a\0', { key: 'a' }), 'must be a name'],
      [() => on('a'.repeat(64), { key: 'a' }), 'at most 63 bytes'],
      [() => on('a', { key: '' }), 'a key must be text'],
      [() => on('a', { key: 'a\n{id}' }), 'without control characters'],
      [() => on('a', { key: [] }), 'on needs a key'],
      [() => on('a', { key: 'a:{id' }), 'names of columns in braces, and'],
      [() => on('a', { key: 'a:id}' }), 'names of columns in braces, and'],
      [() => on('a', { key: 'a:{{id}' }), 'names of columns in braces, and'],
      [() => on('a', { key: 'a:{}' }), 'a column in a key must be a name'],
      [() => on('a', { key: 'a', columns: [] }), 'columns must be names'],
      [() => on('a', { key: 'a', schema: '' }), 'schema must be a name'],
    ];
    for (const [misuse, message] of wrong) expect(misuse, message).toThrow(TypeError);
    for (const [misuse, message] of wrong) expect(misuse).toThrow(message);
  });
});

describe('PostgreSQL pushes', () => {
  beforeEach(() => install(notifications));

  it('the key of a row that is inserted, updated and deleted', async () => {
    await add(1);
    expect(await ear.keys()).toEqual(['notifications:1']);
    await sql.query("update notifications set title = 'a'");
    expect(await ear.keys()).toEqual(['notifications:1']);
    await sql.query('delete from notifications');
    expect(await ear.keys()).toEqual(['notifications:1']);
    await sql.query('delete from notifications');
    expect(await ear.keys()).toEqual([]);
  });

  it('each key once for all that a transaction wrote, with one version', async () => {
    await sql.query('begin');
    await add(1, 2, 1, 1);
    await add(2, 3);
    await sql.query('update notifications set read = true where user_id < 3');
    expect(await ear.heard()).toEqual([]);
    await sql.query('commit');
    const heard = await ear.heard();
    expect(heard.map(({ key }) => key).sort()).toEqual([
      'notifications:1',
      'notifications:2',
      'notifications:3',
    ]);
    expect(new Set(heard.map(({ version }) => version)).size).toBe(1);
    expect(heard[0]!.version).toMatch(/^\d{16}-[0-9a-f]{16}$/);
  });

  it('a version of its own for each transaction', async () => {
    for (let transaction = 0; transaction < 100; transaction += 1) await add(1);
    expect(new Set((await ear.heard()).map(({ version }) => version)).size).toBe(100);
  });

  it('both keys when a row changes hands', async () => {
    await add(1);
    await ear.keys();
    await sql.query('update notifications set user_id = 2');
    expect(await ear.keys()).toEqual(['notifications:1', 'notifications:2']);
    await sql.query('update notifications set user_id = null');
    expect(await ear.keys()).toEqual(['notifications:2']);
  });

  it('no key of a row that has none', async () => {
    await add(null);
    await sql.query("update notifications set title = 'a'");
    expect(await ear.keys()).toEqual([]);
    await sql.query('update notifications set user_id = 1');
    expect(await ear.keys()).toEqual(['notifications:1']);
  });

  it('what raw SQL, upserts, MERGE and writes in a WITH have changed', async () => {
    await add(1, 2);
    await ear.keys();
    await sql.query(`
      insert into notifications (id, user_id) select id, 3 from notifications where user_id = 1
      on conflict (id) do update set title = 'again', user_id = excluded.user_id`);
    expect(await ear.keys()).toEqual(['notifications:1', 'notifications:3']);
    await sql.query(`
      merge into notifications using (values (3), (4)) as wanted (who) on user_id = who
      when matched then delete when not matched then insert (user_id) values (who)`);
    expect(await ear.keys()).toEqual(['notifications:3', 'notifications:4']);
    await sql.query(`
      with gone as (delete from notifications where user_id = 2 returning *)
      insert into notifications (user_id) select user_id + 3 from gone`);
    expect(await ear.keys()).toEqual(['notifications:2', 'notifications:5']);
  });

  it('what psql and COPY have written', async () => {
    const psql = (command: string) => promisify(execFile)('psql', [server.url, '-qc', command]);
    await psql("insert into notifications (user_id) values (1); update notifications set title = 'psql'");
    expect(await ear.keys()).toEqual(['notifications:1']);
    await psql(`copy notifications (user_id) from program 'printf "2\\n3\\n2\\n"'`);
    expect(await ear.keys()).toEqual(['notifications:2', 'notifications:3']);
  });

  it('what a cascade has changed', async () => {
    await add(1, 1, 2, 3);
    await ear.keys();
    await sql.query('delete from users where id in (1, 2)');
    expect(await ear.keys()).toEqual(['notifications:1', 'notifications:2']);
    await sql.query('update users set id = 1000 where id = 3');
    expect(await ear.keys()).toEqual(['notifications:1000', 'notifications:3']);
  });

  it('everything when the table is truncated, also by a cascade', async () => {
    await sql.query('truncate notifications');
    expect(await ear.keys()).toEqual([EVERYTHING]);
    await sql.query('truncate users cascade');
    expect(await ear.keys()).toEqual([EVERYTHING]);
  });

  it('nothing of what is rolled back, and of a savepoint no more than that', async () => {
    await sql.query('begin');
    await add(1);
    await sql.query('rollback');
    expect(await ear.keys()).toEqual([]);
    await sql.query('begin');
    await sql.query('savepoint a');
    await add(1);
    await sql.query('rollback to a');
    await add(2);
    await sql.query('savepoint b');
    await add(3);
    await sql.query('rollback to b; savepoint c');
    await add(4);
    await sql.query('release c; commit');
    expect(await ear.keys()).toEqual(['notifications:2', 'notifications:4']);
  });

  it('nothing when a save fails at the last moment', async () => {
    await sql.query('alter table notifications alter constraint notifications_user_id_fkey deferrable');
    await sql.query('begin; set constraints all deferred');
    await add(777);
    await expect(sql.query('commit')).rejects.toThrow('violates foreign key');
    expect(await ear.keys()).toEqual([]);
  });

  it(`what 60 transactions have committed that share ${POOL} connections, and not what a third rolled back`, async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: POOL });
    const users = Array.from({ length: 60 }, (_, index) => index + 1);
    const write = async (userId: number) => {
      const client = await pool.connect();
      await client.query('begin');
      await client.query('insert into notifications (user_id) values ($1), ($1)', [userId]);
      await client.query('update notifications set read = true where user_id = $1', [userId]);
      await client.query(userId % 3 === 0 ? 'rollback' : 'commit');
      client.release();
    };
    await Promise.all(users.map(write));
    await pool.end();
    const kept = users.filter((userId) => userId % 3 !== 0);
    expect(await ear.keys()).toEqual(kept.map((userId) => `notifications:${userId}`).sort());
  });

  it('what users without any right to its schema have written', async () => {
    await sql.query(`
      drop role if exists guest;
      create role guest;
      grant insert on notifications to guest;
      grant usage on sequence notifications_id_seq to guest;
      set role guest; set search_path = nowhere`);
    await sql.query('insert into public.notifications (user_id) values (1)');
    await sql.query('reset role; reset search_path; drop owned by guest; drop role guest');
    expect(await ear.keys()).toEqual(['notifications:1']);
  });
});

describe('PostgreSQL itself has no blind spot', () => {
  const ways: Readonly<Record<Way, string>> = {
    'bulk insert': 'insert into notifications (user_id) select 1 from generate_series(1, 10)',
    'bulk update': 'update notifications set read = true',
    'bulk delete': 'delete from notifications',
    upsert:
      "insert into notifications (id, user_id) values (1, 1) on conflict (id) do update set title = 'a'",
    'soft delete': 'update notifications set deleted_at = now()',
    'raw SQL': "update notifications set title = 'raw'",
    cascade: 'delete from users where id = 1',
  };

  for (const [way, sight] of Object.entries(blindSpotsOf('PostgreSQL itself')) as [Way, string][]) {
    it(`${way}: ${sight}`, async () => {
      await sql.query('alter table notifications add deleted_at timestamptz');
      await add(1);
      await install(notifications);
      await sql.query(ways[way]);
      expect(await ear.keys()).toEqual(['notifications:1']);
    });
  }
});

describe('a save does not fail', () => {
  it('with a key that nobody can watch, and who listens is told', async () => {
    await install(on('notifications', { key: ['title:{title}', '{title}', 'notifications:{user_id}'] }));
    await sql.query("insert into notifications (user_id, title) values (1, repeat('é', 4096)), (2, '')");
    const longer = 'public.notifications: a key has to have 1 to 512 bytes';
    expect(await ear.keys()).toEqual(['notifications:1', 'notifications:2', longer, 'title:']);
    await sql.query("update notifications set title = repeat('x', 506) where user_id = 1");
    expect(await ear.keys()).toContain(`title:${'x'.repeat(506)}`);
  });

  it('after a column of a key was renamed or dropped, and who listens is told', async () => {
    await install(notifications);
    await sql.query('alter table notifications rename user_id to owner_id');
    await sql.query('insert into notifications (owner_id) values (1)');
    expect(await ear.heard()).toEqual([
      { version: '', key: 'public.notifications: column changed.user_id does not exist' },
    ]);
    await sql.query('alter table notifications drop owner_id');
    await sql.query('insert into notifications default values');
    expect(await ear.heard()).toHaveLength(1);
    expect((await sql.query('table notifications')).rows).toHaveLength(2);
  });
});

it('takes no memory by the row or by the statement of a transaction', async () => {
  const ROWS = 10_000;
  await install(on('notifications', { key: 'notifications:{user_id}', columns: ['title'] }));
  await sql.query(`insert into notifications (user_id) select 1 from generate_series(1, ${ROWS})`);
  await sql.query("begin; update notifications set title = 'x'");
  await sql.query(
    `do $$ begin for i in 1..${ROWS} loop insert into notifications (user_id) values (1); end loop; end $$`,
  );
  const { rows } = await sql.query(
    'select sum(total_bytes)::float8 / $1 as each from pg_backend_memory_contexts',
    [2 * ROWS],
  );
  await sql.query('commit');
  expect(rows[0].each).toBeLessThan(1000);
  expect(await ear.keys()).toEqual(['notifications:1', 'notifications:1']);
});

describe('columns', () => {
  beforeEach(async () => {
    // A type that knows no equality.
    await sql.query('alter table notifications add seen json');
    await install(on('notifications', { key: 'notifications:{user_id}', columns: ['title', 'seen'] }));
  });

  it('are those that an update has to change', async () => {
    await add(1, 2);
    expect(await ear.keys()).toEqual(['notifications:1', 'notifications:2']);
    await sql.query('update notifications set read = true, title = title, seen = seen');
    expect(await ear.keys()).toEqual([]);
    await sql.query("update notifications set title = case user_id when 1 then 'a' else title end");
    expect(await ear.keys()).toEqual(['notifications:1']);
    await sql.query(`update notifications set seen = '{}' where user_id = 2`);
    expect(await ear.keys()).toEqual(['notifications:2']);
    await sql.query('update notifications set user_id = 3 where user_id = 2');
    expect(await ear.keys()).toEqual(['notifications:2', 'notifications:3']);
    await sql.query('delete from notifications');
    expect(await ear.keys()).toEqual(['notifications:1', 'notifications:3']);
  });
});

describe('a partitioned table', () => {
  beforeEach(async () => {
    await sql.query(`
      create schema app;
      create table app.events (day integer, owner text, note text) partition by list (day);
      create table app.monday partition of app.events for values in (1);
      create table app.tuesday partition of app.events for values in (2)`);
  });

  it('pushes what was written through it and through its partitions, also those made later', async () => {
    for (const columns of [undefined, ['note']]) {
      await install(on('events', { schema: 'app', key: 'events:{owner}:{day}', columns }));
      await sql.query("insert into app.events values (1, 'a'), (2, 'a')");
      expect(await ear.keys()).toEqual(['events:a:1', 'events:a:2']);
      await sql.query("insert into app.monday values (1, 'b')");
      await sql.query("update app.monday set note = 'x' where owner = 'b'");
      expect(await ear.keys()).toEqual(['events:b:1', 'events:b:1']);
      await sql.query("update app.events set day = 2 where owner = 'b'");
      expect(await ear.keys()).toEqual(['events:b:1', 'events:b:2']);
      await sql.query('create table app.wednesday partition of app.events for values in (3)');
      await sql.query("insert into app.wednesday values (3, 'c')");
      await sql.query('delete from app.events');
      expect(await ear.keys()).toEqual([
        'events:a:1',
        'events:a:2',
        'events:b:2',
        'events:c:3',
        'events:c:3',
      ]);
      await sql.query('truncate app.events; drop table app.wednesday');
      expect(await ear.keys()).toEqual([EVERYTHING]);
    }
  });

  it('is seen through a partition alone, too', async () => {
    await install(on('monday', { schema: 'app', key: 'monday:{owner}' }));
    await sql.query("insert into app.events values (1, 'a'), (2, 'b')");
    await sql.query("insert into app.monday values (1, 'c')");
    expect(await ear.keys()).toEqual(['monday:a', 'monday:c']);
    await sql.query("update app.events set note = 'x'");
    expect(await ear.keys()).toEqual(['monday:a', 'monday:c']);
    await sql.query('truncate app.monday');
    expect(await ear.keys()).toEqual([EVERYTHING]);
  });

  it('may be named beside its partitions, and one that is attached goes on with both', async () => {
    const [events, monday, late] = ['events', 'monday', 'late'].map((name) =>
      on(name, { schema: 'app', key: `${name}:{owner}`, columns: ['note'] }),
    );
    await sql.query('create table app.late (owner text, day integer, note text)');
    await install(monday!, events!, late!);
    await sql.query("insert into app.events values (1, 'a'), (2, 'a'); insert into app.late values ('b', 3)");
    expect(await ear.keys()).toEqual(['events:a', 'late:b', 'monday:a']);
    await sql.query('alter table app.events attach partition app.late for values in (3)');
    await sql.query("update app.events set note = 'x'");
    expect(await ear.keys()).toEqual(['events:a', 'events:b', 'late:b', 'monday:a']);
    await install(monday!, events!, late!);
    await sql.query('delete from app.events');
    expect(await ear.keys()).toEqual(['events:a', 'events:b', 'late:b', 'monday:a']);
  });

  it('is like a table that others inherit from, which names each of them', async () => {
    await sql.query('create table app.base (owner text); create table app.heir () inherits (app.base)');
    const [base, heir] = ['base', 'heir'].map((name) => on(name, { schema: 'app', key: `${name}:{owner}` }));
    await install(base!, heir!);
    await sql.query("insert into app.base values ('a'); insert into app.heir values ('b')");
    expect(await ear.keys()).toEqual(['base:a', 'heir:b']);
    await sql.query("update app.base set owner = 'c'");
    expect(await ear.keys()).toEqual(['base:a', 'base:b', 'base:c', 'heir:b', 'heir:c']);
  });
});

describe('odd names and texts', () => {
  const ODD = [
    'Odd "Table"; drop table users; --',
    'a.b',
    '{braces}',
    'Grüße, 世界 🔔',
    "it's \\' $body$ $$",
    'select',
    'two\nlines',
    'new',
    'version',
    'key',
    'keys',
  ];
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
  const braced = (name: string) => name.replaceAll('{', '{{').replaceAll('}', '}}');

  it('are what they are, as a schema, a table, a column and in a key', async () => {
    for (const name of ODD) {
      const text = braced(name.replaceAll('\n', ' '));
      // A column whose name has a brace cannot be in a key.
      const column = name.replaceAll(/[{}]/g, '');
      const table = on(name, { schema: name, key: `${text}:{${column}}`, columns: [`${name} `] });
      await sql.query(`create schema ${quoted(name)}`);
      for (const partition of ['', 'partition by list (day)']) {
        await sql.query(
          `create table ${quoted(name)}.${quoted(name)} (${quoted(column)} text, ${quoted(`${name} `)} text, day int) ${partition}`,
        );
        await install(table);
        if (partition !== '') {
          await sql.query(
            `create table ${quoted(name)}.part partition of ${quoted(name)}.${quoted(name)} default`,
          );
        }
        await sql.query(`insert into ${quoted(name)}.${quoted(name)} values ($1)`, [name]);
        await sql.query(`update ${quoted(name)}.${quoted(name)} set ${quoted(`${name} `)} = 'x'`);
        const key = `${name.replaceAll('\n', ' ')}:${name}`;
        expect(await ear.keys()).toEqual([key, key]);
        await remove();
        await sql.query(`drop table ${quoted(name)}.${quoted(name)}`);
      }
      await sql.query(`drop schema ${quoted(name)} cascade`);
    }
    expect((await sql.query('select from users')).rowCount).toBe(100);
  });

  it('cannot end a statement, whatever they are', async () => {
    const name = fc
      .string({
        unit: fc.constantFrom(
          '"',
          "'",
          '\\',
          '$',
          '$body$',
          '$body_$',
          ';',
          '--',
          '/*',
          '{',
          '}',
          'a',
          '\n',
          'é',
        ),
      })
      .filter((text) => text !== '' && Buffer.byteLength(text) < 60);
    const column = name.filter((text) => !/[{}]/.test(text));
    await fc.assert(
      fc.asyncProperty(name, name, column, async (schema, table, column) => {
        const [s, t, c] = [schema, table, column].map(quoted);
        await sql.query(
          `drop schema if exists ${s} cascade; create schema ${s}; create table ${s}.${t} (${c} text)`,
        );
        const key = `${braced(table).replaceAll('\n', ' ')}{${column}}`;
        await install(on(table, { schema, key }));
        await sql.query(`insert into ${s}.${t} values ('1')`);
        expect(await ear.keys()).toEqual([`${table.replaceAll('\n', ' ')}1`]);
        await remove();
        await sql.query(`drop schema ${s} cascade`);
      }),
      { numRuns: 30 },
    );
  });

  it('give the same keys as a template in JavaScript', async () => {
    await sql.query(`
      create schema app;
      create type app.mood as enum ('fine', 'Not so "fine"');
      create domain app.code as varchar(20);
      create table app.things (
        a text, b bigint, c boolean, d uuid, e numeric(20, 4), f app.mood, g app.code, h smallint, i varchar, j name
      )`);
    await install(on('things', { schema: 'app', key: 't:{a}:{b}:{c}:{d}:{e}:{f}:{g}:{h}:{i}:{j}' }));
    const text = fc.string({ unit: 'binary', maxLength: 8 }).filter((value) => !value.includes('\0'));
    const wellFormed = text.filter((value) => value.isWellFormed());
    const row = fc.tuple(
      wellFormed,
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
      fc.boolean(),
      fc.uuid(),
      fc.integer().map((value) => (value / 10_000).toFixed(4)),
      fc.constantFrom('fine', 'Not so "fine"'),
      wellFormed,
      fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
      wellFormed,
      wellFormed,
    );
    await fc.assert(
      fc.asyncProperty(row, async (values) => {
        const { rows } = await sql.query(
          'insert into app.things values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning *',
          values,
        );
        const { a, b, c, d, e, f, g, h, i, j } = rows[0];
        expect(await ear.keys()).toEqual([`t:${a}:${b}:${c}:${d}:${e}:${f}:${g}:${h}:${i}:${j}`]);
      }),
      { numRuns: 100 },
    );
  });
});
