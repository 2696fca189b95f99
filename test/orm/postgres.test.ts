import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SseTrigger, type SseTriggerError } from '../../src/index.ts';
import { listen, migration, on, type PostgresClient } from '../../src/orm/postgres.ts';
import { EVERYTHING, sharedKey } from '../../src/shared-key.ts';
import { deferred } from '../support/deferred.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { RecordingStore } from '../support/recording-store.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { openEar } from './heard.ts';
import { answered, HEARTBEAT, LISTENER, listeningStage, untilShown } from './listening-stage.ts';

const WRITES = 200;
/** More than a trigger keeps for a store that takes none. */
const KEYS = 80_000;

let server: PostgresServer;
let sql: pg.Client;

/** Of another program. */
async function openSql(): Promise<void> {
  sql = new pg.Client(server.url);
  sql.on('error', () => {});
  await sql.connect();
}

beforeAll(async () => {
  // With fsync, since without it a COMMIT takes no time.
  server = await startPostgres({ fsync: true });
  await openSql();
  await sql.query(`
    create table notifications (id serial primary key, user_id integer, title text not null default '')`);
  await sql.query(migration({ tables: [on('notifications', { key: 'notifications:{user_id}' })] }).up);
});

beforeEach(async () => {
  await sql.query('delete from notifications');
});

afterAll(async () => {
  await sql.end();
  await server.stop();
});

async function add(userId: number): Promise<void> {
  await sql.query('insert into notifications (user_id) values ($1)', [userId]);
}

/** The processes of the server that serve listening connections. */
async function listeners(): Promise<number[]> {
  const { rows } = await sql.query<{ pid: number }>(
    'select pid from pg_stat_activity where application_name = $1',
    [LISTENER],
  );
  return rows.map(({ pid }) => pid);
}

/** A listening trigger whose store keeps what was written. */
async function recordingStage(
  connect: () => PostgresClient = () => new pg.Client(server.url),
  heartbeat = HEARTBEAT,
  store = new RecordingStore(),
) {
  const errors: SseTriggerError[] = [];
  const trigger = new SseTrigger({
    store,
    poll: 100,
    storeTimeout: 10_000,
    onError: (error) => errors.push(error),
  });
  const listening = listen(trigger, connect, { heartbeat });
  // What was missed before is made up for, and nothing else follows from that.
  await until(() => store.writes.flat().includes(EVERYTHING));
  return {
    store,
    errors,
    trigger,
    listening,
    async [Symbol.asyncDispose]() {
      await listening.close();
      await trigger.close();
    },
  };
}

describe('listen', () => {
  it('writes the version that PostgreSQL has made', async () => {
    await using stage = await recordingStage();
    await add(1);
    const version = await until(() => stage.store.versions.get(sharedKey('notifications:1')));
    expect(version).toMatch(/^\d{16}-[0-9a-f]{16}$/);
    await add(1);
    await until(() => stage.store.versions.get(sharedKey('notifications:1')) !== version);
  });

  it('pushes everything when a table was truncated', async () => {
    await using stage = await recordingStage();
    await sql.query('truncate notifications');
    await until(() => stage.store.versions.has(sharedKey(EVERYTHING)));
  });

  it('tells of what is no key, passes over what it does not know, and goes on', async () => {
    await using stage = await recordingStage();
    const notify = (payload: string) => sql.query("select pg_notify('sse_trigger', $1)", [payload]);
    const version = '1700000000000000-0123456789abcdef';
    await notify(`${version} a\tb`);
    await notify(' public.notifications: some trouble');
    await notify('hello');
    await notify('');
    await notify(`not-a-version key`);
    await notify(`${version} fine`);
    await until(() => stage.store.versions.get(sharedKey('fine')) === version);
    expect(stage.errors).toMatchObject([
      { code: 'mapping_failed', cause: { message: expect.stringContaining('without control characters') } },
      { code: 'mapping_failed', message: expect.stringContaining('some trouble') },
    ]);
    expect(stage.store.writes.flat()).toEqual([EVERYTHING, sharedKey('fine')]);
  });

  it(`pushes when the change can be seen, ${WRITES} times of ${WRITES}`, async () => {
    await using stage = await recordingStage();
    const reader = new pg.Client(server.url);
    await reader.connect();
    await add(1);
    // What was committed up to here is pushed before this.
    await sql.query("select pg_notify('sse_trigger', '1700000000000000-0123456789abcdef mark')");
    await until(() => stage.store.versions.has(sharedKey('mark')));
    let stale = 0;
    for (let write = 1; write <= WRITES; write += 1) {
      const before = stage.store.versions.get(sharedKey('notifications:1'));
      const seen = new Promise<string>((resolve, reject) => {
        const { write: keep } = RecordingStore.prototype;
        stage.store.write = async (versions) => {
          await keep.call(stage.store, versions);
          if (
            !versions.has(sharedKey('notifications:1')) ||
            versions.get(sharedKey('notifications:1')) === before
          )
            return;
          reader.query('select title from notifications').then(({ rows }) => resolve(rows[0].title), reject);
        };
      });
      await sql.query('begin');
      await sql.query('update notifications set title = $1', [`write ${write}`]);
      await sql.query('commit');
      if ((await seen) !== `write ${write}`) stale += 1;
    }
    await reader.end();
    expect(stale).toBe(0);
  });

  it('is misused with a TypeError that says how it is meant', () => {
    const trigger = new SseTrigger();
    const connect = () => new pg.Client(server.url);
    expect(() => listen({} as never, connect)).toThrow('listen takes the SseTrigger first');
    expect(() => listen(trigger, connect() as never)).toThrow('connect must be a function');
    expect(() => listen(trigger, connect, { heartbeats: 5 } as never)).toThrow('no option "heartbeats"');
    expect(() => listen(trigger, connect, { heartbeat: 0 })).toThrow('heartbeat must be a number');
  });

  it('gives up when it gets nothing to listen with, tells what it wants, and leaves alone what it got', async () => {
    const pool = new pg.Pool({ connectionString: server.url });
    const ofAnotherLibrary = Object.assign(() => {}, { listen() {}, unsafe() {}, end() {} });
    for (const [given, why] of [
      [undefined, 'has to give a client of pg'],
      [ofAnotherLibrary, 'has to give a client of pg'],
      [pool, 'a pool has no connection that stays'],
      [sql, 'a new client each time'],
    ] as const) {
      const errors: SseTriggerError[] = [];
      await using trigger = new SseTrigger({ onError: (error) => errors.push(error) });
      const listening = listen(trigger, () => given as never);
      await until(() => errors.length > 0);
      await listening.close();
      const message = expect.stringMatching(
        `${why}.*: listen\\(trigger, \\(\\) => new pg.Client\\(url\\)\\)`,
      );
      expect(errors).toMatchObject([{ code: 'listen_failed', cause: { name: 'TypeError', message } }]);
    }
    expect(pool.totalCount).toBe(0);
    await sql.query('select 1');
  });

  it('tells nobody the password of a URL that is none', async () => {
    const errors: SseTriggerError[] = [];
    await using trigger = new SseTrigger({ onError: (error) => errors.push(error) });
    const listening = listen(trigger, () => new pg.Client('postgres://me:top-secret/@127.0.0.1:none/app'));
    await until(() => errors.length > 0);
    await listening.close();
    expect(errors).toMatchObject([{ code: 'listen_failed', cause: { code: 'ERR_INVALID_URL' } }]);
    expect(inspect(errors, { depth: null, showHidden: true })).not.toContain('top-secret');
  });

  it('tells of a client that it gets a second time, although it has told that the first was lost', async () => {
    const client = new pg.Client({ connectionString: server.url, application_name: LISTENER });
    await using stage = await recordingStage(() => client);
    await sql.query('select pg_terminate_backend($1)', await listeners());
    await until(() => stage.errors.length === 2);
    expect(stage.errors).toMatchObject([
      { code: 'listen_failed', message: expect.stringContaining('when they do again') },
      { code: 'listen_failed', message: expect.stringContaining('has given up') },
    ]);
  });

  it(`pushes everything when one statement changes ${KEYS} keys and the store does not take so many`, async () => {
    // A short heartbeat would take the work for silence.
    await using stage = await recordingStage(undefined, 5000);
    const { store, trigger, errors } = stage;
    const before = store.versions.get(EVERYTHING);
    store.failure = new Error('down');
    await sql.query('insert into notifications (user_id) select generate_series(1, $1)', [KEYS]);
    await until(() => errors.some(({ code }) => code === 'unsent_full'), 20_000);
    store.failure = undefined;
    await until(() => trigger.stats().unsent === 0);
    expect(store.versions.get(EVERYTHING)).not.toBe(before);
    await sql.query('truncate notifications');
  });

  it('pushes again what it heard last when it is closed, and nothing that it heard long before', async () => {
    const client = new pg.Client(server.url);
    await using stage = await recordingStage(() => client);
    const { versions } = stage.store;
    await add(1);
    await until(() => versions.has(sharedKey('notifications:1')));
    let answers = 0;
    let last = Number.POSITIVE_INFINITY;
    const query = client.query.bind(client) as (sql: string) => Promise<pg.QueryResult>;
    client.query = (async (sql: string) => {
      if (answers >= last) await new Promise(() => {});
      const result = await query(sql);
      answers += 1;
      return result;
    }) as never;
    await until(() => answers > 2);
    await add(2);
    await until(() => versions.has(sharedKey('notifications:2')));
    last = answers + 1;
    await until(() => answers >= last);
    await stage.listening.close();
    await until(() => versions.has('notifications:2'));
    expect(versions.has('notifications:1')).toBe(false);
  });

  it('pushes everything when it is closed and has just heard of thousands of keys', async () => {
    await using stage = await recordingStage(undefined, 10_000);
    const { versions } = stage.store;
    const before = versions.get(EVERYTHING);
    await sql.query('insert into notifications (user_id) select generate_series(1, 5001)');
    const keysFrom = (begin: string) => [...versions.keys()].filter((key) => key.startsWith(begin));
    await until(() => keysFrom(sharedKey('notifications:')).length === 5001);
    await stage.listening.close();
    await until(() => versions.get(EVERYTHING) !== before);
    expect(keysFrom('notifications:')).toHaveLength(5000);
  });

  it('leaves no connection behind when it is closed, at whatever moment', async () => {
    const connect = () => new pg.Client({ connectionString: server.url, application_name: LISTENER });
    const errors: unknown[] = [];
    for (const ms of [0, 2, 5, 10, 20, 200]) {
      await using trigger = new SseTrigger({ onError: (error) => errors.push(error) });
      const listening = listen(trigger, connect);
      await sleep(ms);
      await listening.close();
      await listening.close();
      await until(async () => (await listeners()).length === 0);
    }
    expect(errors).toEqual([]);
  });
});

describe('a listening connection that is lost', () => {
  it('is made again, and what was missed meanwhile is shown', async () => {
    await using stage = await listeningStage(server);
    await using viewer = await stage.open('/1');
    await untilShown(viewer, 0);
    const pid = await until(async () => (await listeners())[0]);
    await add(1);
    await untilShown(viewer, 1);
    stage.line.isCut = true;
    await sql.query('select pg_terminate_backend($1)', [pid]);
    await until(() => stage.errors.length > 0);
    expect(stage.errors).toMatchObject([
      { code: 'listen_failed', cause: { message: expect.stringContaining('terminating connection') } },
    ]);
    await add(1);
    const { tries } = stage.line;
    await until(() => stage.line.tries > tries);
    stage.line.isCut = false;
    await untilShown(viewer, 2);
    await add(1);
    await untilShown(viewer, 3);
    // Told once, however often it was tried.
    expect(stage.errors).toHaveLength(1);
  });

  it('leaves no position that stands, of who was away meanwhile either', async () => {
    await using stage = await listeningStage(server);
    const pid = await until(async () => (await listeners())[0]);
    const viewer = await stage.open('/1');
    const { id } = await viewer.next();
    await viewer[Symbol.asyncDispose]();
    stage.line.isCut = true;
    await sql.query('select pg_terminate_backend($1)', [pid]);
    await until(() => stage.errors.length > 0);
    await add(1);
    stage.line.isCut = false;
    await until(async () => (await listeners()).length === 1);
    await using back = await stage.open('/1', { 'last-event-id': id! });
    await untilShown(back, 1);
  });

  it('comes back after the server was started again', async () => {
    await using stage = await listeningStage(server);
    await using viewer = await stage.open('/1');
    await untilShown(viewer, 0);
    await until(async () => (await listeners()).length === 1);
    await server.kill();
    await until(() => stage.errors.some(({ code }) => code === 'listen_failed'));
    await server.start();
    await openSql();
    await add(1);
    await untilShown(viewer, 1);
    await add(1);
    await untilShown(viewer, 2);
    await until(async () => (await listeners()).length === 1);
  });

  it('is noticed although the server says nothing, and then made again', async () => {
    await using stage = await listeningStage(server);
    await using viewer = await stage.open('/1');
    await untilShown(viewer, 0);
    const pid = await until(async () => (await listeners())[0]!);
    await server.kill('SIGSTOP');
    process.kill(pid, 'SIGSTOP');
    try {
      await until(() => stage.errors.length > 0);
      expect(stage.errors).toMatchObject([{ code: 'listen_failed', cause: { name: 'TimeoutError' } }]);
      await add(1);
    } finally {
      await server.kill('SIGCONT');
      process.kill(pid, 'SIGCONT');
    }
    await untilShown(viewer, 1);
    await until(async () => (await listeners()).length === 1);
    expect(await listeners()).not.toContain(pid);
  });

  it('is made again when it no longer listens', async () => {
    await using stage = await listeningStage(server);
    await using viewer = await stage.open('/1');
    await untilShown(viewer, 0);
    await stage.line.client!.query('unlisten *');
    await until(() => stage.errors.length > 0);
    expect(stage.errors).toMatchObject([
      { code: 'listen_failed', cause: { message: expect.stringContaining('a pooler') } },
    ]);
    await add(1);
    await untilShown(viewer, 1);
  });

  it('is tried for again when it never came about', async () => {
    let attempts = 0;
    const connect = () => {
      attempts += 1;
      return new pg.Client(attempts === 1 ? 'postgres://nobody@127.0.0.1:1/none' : server.url);
    };
    await using stage = await recordingStage(connect);
    expect(stage.errors).toMatchObject([{ code: 'listen_failed', cause: { code: 'ECONNREFUSED' } }]);
    await add(1);
    await until(() => stage.store.versions.has(sharedKey('notifications:1')));
  });
});

describe('several processes that listen', () => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await startRedis();
  });

  afterAll(async () => {
    await redis.stop();
  });

  it('write one version, and each runs a change once', async () => {
    const stages = [await listeningStage(server, { redis }), await listeningStage(server, { redis })];
    const viewers = await Promise.all(stages.map((stage) => stage.open('/1')));
    for (const viewer of viewers) await untilShown(viewer, 0);
    for (let count = 1; count <= 50; count += 1) {
      await add(1);
      for (const viewer of viewers) await untilShown(viewer, count);
      if (count % 5 > 0) continue;
      // Some polls, which would find another version.
      const checks = stages.map(({ trigger }) => trigger.stats().checks);
      await until(() => stages.every(({ trigger }, index) => trigger.stats().checks >= checks[index]! + 4));
    }
    expect(stages.map(({ trigger }) => trigger.stats().runs)).toEqual([51, 51]);
    for (const stage of [...viewers, ...stages]) await stage[Symbol.asyncDispose]();
  });

  it('look no more when one begins or comes back while another listens, and ids stand', async () => {
    await using stage = await listeningStage(server, { redis });
    const viewer = await stage.open('/1');
    const { id } = await viewer.next();
    await using another = await listeningStage(server, { redis });
    await using back = await another.open('/1', { 'last-event-id': id! });
    await until(() => another.trigger.stats().resumed === 1);
    const [pid] = await listeners();
    await sql.query('select pg_terminate_backend($1)', [pid]);
    await until(() => [stage, another].some(({ errors }) => errors.length > 0));
    await until(async () => (await listeners()).length === 2);
    await add(1);
    await untilShown(viewer, 1);
    await untilShown(back, 1);
    expect(stage.trigger.stats().runs + another.trigger.stats().runs).toBe(3);
    await viewer[Symbol.asyncDispose]();
  });

  it('say nothing of what was missed for another store', async () => {
    await using other = await listeningStage(server, { redis });
    await using stage = await recordingStage();
    expect([...other.errors, ...stage.errors]).toEqual([]);
  });

  it('are not vouched for by one whose trigger is closed, and which drops what it hears', async () => {
    await using closed = await recordingStage();
    await closed.trigger.close();
    const { store } = closed;
    const before = store.versions.get(EVERYTHING);
    await using _ = await recordingStage(undefined, undefined, store);
    await until(() => store.versions.get(EVERYTHING) !== before);
  });

  it('are vouched for only when the store has what was heard before', async () => {
    const store = new RecordingStore();
    await using stage = await recordingStage(undefined, undefined, store);
    await using ear = await openEar(server.url);
    const name = hash('sha256', store.versions.get(EVERYTHING)!).slice(0, 16);
    const ask = (question: string) =>
      sql.query("select pg_notify('sse_trigger', $1)", [`? ${question} ${name}`]);
    const answers = async () => (await ear.heard()).filter(({ version }) => version === '!');
    await ask('0'.repeat(16));
    await until(async () => (await answers()).length === 1);
    const written = deferred();
    store.write = async (versions) => {
      await written.promise;
      await RecordingStore.prototype.write.call(store, versions);
    };
    await add(1);
    await ask('1'.repeat(16));
    for (let look = 0; look < 20; look += 1) expect(await answers()).toEqual([]);
    written.resolve();
    await until(async () => (await answers()).length === 1);
    expect(store.versions.has(sharedKey('notifications:1'))).toBe(true);
    expect(stage.errors).toEqual([]);
  });

  it('are vouched for by one whose store took only later what it had missed', async () => {
    const store = new RecordingStore();
    store.write = async () => {
      store.write = RecordingStore.prototype.write;
      throw new Error('down');
    };
    await using stage = await recordingStage(undefined, undefined, store);
    expect(stage.errors).toMatchObject([{ code: 'write_failed' }]);
    const everything = store.versions.get(EVERYTHING);
    const client = new pg.Client(server.url);
    const answer = answered(client);
    await using _ = await recordingStage(() => client, undefined, store);
    await answer;
    expect(store.versions.get(EVERYTHING)).toBe(everything);
  });

  it('hide nothing when one ends, or its connection, which has written a version over one that it never heard of', async () => {
    const store = new RecordingStore();
    await using _ = await recordingStage(undefined, undefined, store);
    for (const end of ['lost', 'closed'] as const) {
      const slow = Object.assign(new RecordingStore(), { versions: store.versions });
      const client = new pg.Client(server.url);
      const vouched = answered(client);
      const trigger = new SseTrigger({ store: slow, storeTimeout: 10_000, onError: () => {} });
      const listening = listen(trigger, () => client, { heartbeat: HEARTBEAT });
      await vouched;
      // What a witness says is taken for true in the same turn.
      await sleep(0);
      const written = deferred();
      const key = sharedKey('notifications:1');
      let first: string | undefined;
      slow.write = async (versions) => {
        first ??= versions.get(key);
        await written.promise;
        await RecordingStore.prototype.write.call(slow, versions);
      };
      await add(1);
      await until(() => first !== undefined && store.versions.get(key) === first);
      const before = store.versions.get('notifications:1');
      const ended = new Promise((resolve) => client.once('end', resolve));
      if (end === 'closed') void listening.close();
      else client.connection.stream.destroy();
      await ended;
      await add(1);
      await until(() => store.versions.get(key) !== first);
      written.resolve();
      await until(() => store.versions.get(key) === first);
      await until(() => store.versions.get('notifications:1') !== before);
      await listening.close();
      await trigger.close();
    }
  });

  it('see what the others hear when they listen no more', async () => {
    await using listening = await listeningStage(server, { redis });
    await using deaf = await listeningStage(server, { redis });
    await deaf.listening.close();
    await until(async () => (await listeners()).length === 1);
    await using viewer = await deaf.open('/1');
    await untilShown(viewer, 0);
    await add(1);
    await untilShown(viewer, 1);
    expect(listening.errors).toEqual([]);
  });
});

it('writes a version of its own after the process stood still, since that of the others may be old', async () => {
  const heartbeat = 300;
  let onAnswer = () => {};
  const connect = (): PostgresClient => {
    const client = new pg.Client(server.url);
    return {
      connect: () => client.connect(),
      query: async (text) => {
        const result = await client.query(text);
        setImmediate(() => onAnswer());
        return result;
      },
      end: () => client.end(),
      on: (event: string, listener: (given: never) => void) => client.on(event as never, listener as never),
    };
  };
  await using stage = await recordingStage(connect, heartbeat);
  const mark = '1700000000000000-0123456789abcdef';
  const commands = [
    `select pg_notify('sse_trigger', '${mark} old')`,
    `select pg_sleep(${(3 * heartbeat) / 1000})`,
  ];
  await sql.query(`select pg_notify('sse_trigger', '${mark} new')`);
  await until(() => stage.store.versions.get(sharedKey('new')) === mark);
  // Just after an answer, so that none is waited for meanwhile. Nothing else goes on here until psql has ended.
  await new Promise<void>((resolve) => {
    onAnswer = () => {
      onAnswer = () => {};
      execFileSync('psql', [server.url, '-q', ...commands.flatMap((command) => ['-c', command])]);
      resolve();
    };
  });
  const version = await until(() => stage.store.versions.get('old'));
  expect(version).not.toBe(mark);
  expect(stage.errors).toEqual([]);
});
