import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  asOperator,
  configure,
  cutAll,
  evictAll,
  letIn,
  lockOut,
  permit,
  toPrimary,
  toReplica,
} from '../support/redis-operator.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import {
  HEARTBEAT,
  POLL,
  polls,
  type RedisStage,
  redisStage,
  STORE_TIMEOUT,
  twoStages,
  untilShown,
} from '../support/redis-stage.ts';
import type { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

/** A position as streams have it, which stands for nothing. */
const OLD_ID = 'AAAAAAAAAAA';
/** What a call may take beyond its deadline on a machine that is busy, in milliseconds. */
const LATE = 1000;

/** Reads so many heartbeats on end, and fails if anything else comes. */
async function heartbeats(viewer: StreamClient, count: number): Promise<void> {
  for (let beat = 0; beat < count; beat += 1) expect((await viewer.nextBlock()).comment).toBe('');
}

function codes({ errors }: RedisStage): string[] {
  return errors.map(({ code }) => code);
}

function exists(redis: RedisServer, key = 'sse:count'): Promise<boolean> {
  return asOperator(redis, async (operator) => (await operator.exists(key)) === 1);
}

// The longest comes first, since only some run at once.
describe.concurrent('a Redis that is lost while streams are open (S1, S2)', () => {
  it.for([1000, 30_000])(
    'for %i ms has heartbeats go on, and streams up to date soon after',
    { timeout: 60_000 },
    async (ms) => {
      await using redis = await startRedis();
      await using stage = await twoStages(redis);
      const { here, there, viewers } = stage;
      const { runs } = there.trigger.stats();
      await redis.kill();
      await until(() => here.trigger.stats().storeDown && there.trigger.stats().storeDown);
      await Promise.all(viewers.map((viewer) => heartbeats(viewer, ms / HEARTBEAT)));
      expect(there.trigger.stats()).toMatchObject({ runs, streams: 1 });
      // Once an outage, not once a poll.
      for (const app of [here, there]) {
        expect(codes(app).filter((code) => code === 'read_failed')).toHaveLength(1);
        expect(app.mostReads).toBe(1);
      }

      expect(await here.save()).toBe(false);
      await untilShown(viewers[0], 1);
      await redis.start();
      const returnedAt = performance.now();
      await untilShown(viewers[1], 1);
      expect(performance.now() - returnedAt).toBeLessThan(5000 + 1.1 * POLL + 2 * STORE_TIMEOUT + LATE);
      await until(() => here.trigger.stats().unsent === 0);
      expect(await there.save()).toBe(true);
      for (const viewer of viewers) await untilShown(viewer, 2);
    },
  );
});

describe.concurrent('a Redis that refuses connections from the start (S1)', () => {
  it('gives who comes with nothing its first data, has who shows something wait, and runs nothing by itself', async () => {
    await using redis = await startRedis();
    await redis.kill();
    await using app = await redisStage(redis);
    await using anew = await app.open();
    await using back = await app.open('/', { 'last-event-id': OLD_ID });
    await untilShown(anew, 0);
    await heartbeats(back, 5);
    await polls(app, 5);
    expect(app.trigger.stats()).toMatchObject({ runs: 1, streams: 2, storeDown: true });
    expect(codes(app)).toContain('read_failed');

    await redis.start();
    await untilShown(back, 0);
    expect(await app.save()).toBe(true);
    for (const viewer of [anew, back]) await untilShown(viewer, 1);
  });
});

describe.concurrent('a Redis that hangs (S3)', () => {
  it('makes pushes false in time, and is caught up with when it goes on', async () => {
    await using redis = await startRedis();
    await using stage = await twoStages(redis);
    const { here, there, viewers } = stage;
    const { runs } = there.trigger.stats();
    await redis.kill('SIGSTOP');
    for (let count = 1; count <= 3; count += 1) {
      const pushedAt = performance.now();
      expect(await here.save()).toBe(false);
      await untilShown(viewers[0], count);
      expect(performance.now() - pushedAt).toBeLessThan(STORE_TIMEOUT + LATE);
    }
    expect(here.trigger.stats()).toMatchObject({ unsent: 1, storeDown: true });
    expect(there.trigger.stats()).toMatchObject({ runs, streams: 1 });
    for (const app of [here, there]) expect(app.mostReads).toBe(1);
    await redis.kill('SIGCONT');
    await untilShown(viewers[1], 3);
    await until(() => here.trigger.stats().unsent === 0);
    expect(await there.save()).toBe(true);
    for (const viewer of viewers) await untilShown(viewer, 4);
  });

  it('and never answers, but accepts connections, keeps nobody from the first data, from false, and from closing', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket.on('error', () => {}).resume()));
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const startedAt = performance.now();
    {
      await using app = await redisStage(silent.address() as AddressInfo);
      await using viewer = await app.open();
      await untilShown(viewer, 0);
      const pushedAt = performance.now();
      expect(await app.save()).toBe(false);
      expect(performance.now() - pushedAt).toBeLessThan(STORE_TIMEOUT + LATE);
      await untilShown(viewer, 1);
      await polls(app, 5);
      expect(app.mostReads).toBe(1);
      // A connection is given up before the next one: one for reads, writes and wakes each.
      await until(() => sockets.filter((socket) => !socket.destroyed).length <= 3);
      // And each was given its time.
      const times = (performance.now() - startedAt) / STORE_TIMEOUT;
      expect(sockets.length).toBeLessThanOrEqual(3 * (times + 1));
    }
    for (const socket of sockets) socket.destroy();
    silent.close();
    await once(silent, 'close');
  });
});

const losses: Record<string, (redis: RedisServer) => Promise<unknown>> = {
  FLUSHALL: (redis) => asOperator(redis, (operator) => operator.flushall()),
  'a DEL of the key': (redis) => asOperator(redis, (operator) => operator.del('sse:count')),
  'the expiry of the key': (redis) => asOperator(redis, (operator) => operator.pexpire('sse:count', 1)),
  'its eviction': evictAll,
  'a restart that finds nothing saved': (redis) => redis.restart(),
};

describe.concurrent('what is lost by (S4)', () => {
  it.for(Object.keys(losses))(
    '%s is seeded again at the price of one run, and the next push is seen',
    async (loss) => {
      await using redis = await startRedis();
      await using app = await redisStage(redis);
      await using viewer = await app.open();
      await untilShown(viewer, 0);
      expect(await app.save()).toBe(true);
      await untilShown(viewer, 1);
      const { runs } = app.trigger.stats();
      await losses[loss]!(redis);
      await until(() => exists(redis));
      await until(() => app.trigger.stats().runs === runs + 1);
      await polls(app, 5);
      expect(app.trigger.stats()).toMatchObject({ runs: runs + 1, streams: 1 });
      expect(await app.save()).toBe(true);
      await untilShown(viewer, 2);
      expect(app.trigger.stats().runs).toBe(runs + 2);
    },
  );
});

describe.concurrent('a restart from an older snapshot (S5)', () => {
  it('that has lost an acknowledged push keeps nobody from seeing it, neither who looked on nor who was away', async () => {
    await using redis = await startRedis();
    // Hears of nothing before its next poll, which comes after the loss.
    const slow = { poll: 3000, wake: false };
    await using stage = await twoStages(redis, slow);
    const { here, there, viewers } = stage;
    const away = await there.open();
    const { id } = await away.next();
    await away[Symbol.asyncDispose]();
    await polls(there, 1);
    await asOperator(redis, (operator) => operator.save());
    expect(await here.save()).toBe(true);
    await redis.restart();
    expect(there.trigger.stats().frames).toBe(2);

    await using back = await there.open('/', { 'last-event-id': id! });
    await Promise.all([untilShown(viewers[1], 1), untilShown(back, 1)]);
  });

  it('is one thing, and connections that are lost without loss another, which runs nothing', async () => {
    await using redis = await startRedis();
    await using stage = await twoStages(redis);
    const { here, there, viewers } = stage;
    const runs = [here, there].map(({ trigger }) => trigger.stats().runs);
    for (let time = 0; time < 3; time += 1) {
      await cutAll(redis);
      await Promise.all([polls(here, 3), polls(there, 3)]);
    }
    await until(() => !here.trigger.stats().storeDown && !there.trigger.stats().storeDown);
    expect([here, there].map(({ trigger }) => trigger.stats().runs)).toEqual(runs);
    expect(await there.save()).toBe(true);
    for (const viewer of viewers) await untilShown(viewer, 1);
  });
});

interface Refusal {
  readonly says: RegExp;
  readonly begin: (redis: RedisServer) => Promise<unknown>;
  readonly end: (redis: RedisServer) => Promise<unknown>;
}

const refusals: Record<string, Refusal> = {
  NOAUTH: { says: /NOAUTH/, begin: lockOut, end: letIn },
  'NOPERM for writes': { says: /NOPERM/, begin: permit('-set'), end: permit('+@all') },
  READONLY: {
    says: /READONLY|replica/,
    begin: toReplica,
    end: toPrimary,
  },
  'OOM with noeviction': {
    says: /OOM/,
    begin: configure('maxmemory', '1'),
    end: configure('maxmemory', '0'),
  },
};

describe.concurrent('a Redis that answers (S10)', () => {
  it.for(Object.keys(refusals))(
    '%s makes pushes false and says why, and streams live on until it is over',
    async (name) => {
      const { says, begin, end } = refusals[name]!;
      await using redis = await startRedis();
      await using stage = await twoStages(redis);
      const { here, there, viewers } = stage;
      await begin(redis);
      expect(await here.save()).toBe(false);
      await untilShown(viewers[0], 1);
      const refused = here.errors.find(({ code }) => code === 'write_failed');
      expect(String(refused?.cause)).toMatch(says);
      await polls(here, 5);
      expect(here.trigger.stats()).toMatchObject({ streams: 1, unsent: 1 });
      expect(there.trigger.stats().streams).toBe(1);

      await end(redis);
      await untilShown(viewers[1], 1);
      await until(() => here.trigger.stats().unsent === 0);
      expect(await there.save()).toBe(true);
      for (const viewer of viewers) await untilShown(viewer, 2);
    },
  );

  it('LOADING after a restart is an outage like any other', async () => {
    // A millisecond for each of the keys below, and between them an ear for clients.
    const args = ['--key-load-delay', '1000', '--loading-process-events-interval-bytes', '1024'];
    await using redis = await startRedis({ args });
    await using stage = await twoStages(redis);
    const { here, viewers } = stage;
    await asOperator(redis, async (operator) => {
      await operator.mset(Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`other:${n}`, `${n}`])));
      await operator.save();
    });
    await redis.kill();
    const started = redis.start();
    await until(async () => {
      // Not yet there, then LOADING.
      const { errors } = here;
      if (errors.some(({ cause }) => String(cause).includes('LOADING'))) return true;
      await here.save();
      return false;
    });
    expect(await here.save()).toBe(false);
    await started;
    await until(() => here.trigger.stats().unsent === 0);
    expect(await here.save()).toBe(true);
    for (const viewer of viewers) await untilShown(viewer, stage.database.count);
  });
});

describe.concurrent('a key (S13)', () => {
  it('of another type is told once, without a loop of runs, and watched again when it has gone', async () => {
    await using redis = await startRedis();
    await using app = await redisStage(redis);
    await using viewer = await app.open();
    await untilShown(viewer, 0);
    // In one, or a poll might write a version in between.
    await asOperator(redis, (operator) =>
      operator.multi().del('sse:count').lpush('sse:count', 'of somebody else').exec(),
    );
    await until(() => codes(app).includes('key_unreadable'));
    const { runs } = app.trigger.stats();
    await polls(app, 10);
    expect(app.trigger.stats()).toMatchObject({ runs, streams: 1 });
    expect(codes(app).filter((code) => code === 'key_unreadable')).toHaveLength(1);
    await asOperator(redis, (operator) => operator.del('sse:count'));
    expect(await app.save()).toBe(true);
    await untilShown(viewer, 1);
  });

  it('that is missing, to a reader who may not write, is told once, and its pushes are seen when somebody else writes it', async () => {
    await using redis = await startRedis();
    await asOperator(redis, (operator) =>
      operator.acl('SETUSER', 'reader', 'on', '>any', '~*', '&*', '+@all', '-set'),
    );
    const database = { count: 0 };
    await using writer = await redisStage(redis, { database });
    await using reader = await redisStage(redis, { database, username: 'reader' });
    await using viewer = await reader.open();
    await untilShown(viewer, 0);
    await until(() => codes(reader).includes('key_unreadable'));
    const { runs } = reader.trigger.stats();
    await polls(reader, 10);
    expect(reader.trigger.stats().runs).toBe(runs);
    expect(codes(reader).filter((code) => code === 'key_unreadable')).toHaveLength(1);
    expect(await writer.save()).toBe(true);
    await untilShown(viewer, 1);
    expect(await reader.save()).toBe(false);
    await untilShown(viewer, 2);
  });

  it('whose wakes may not be published is pushed all the same, and seen with the poll', async () => {
    await using redis = await startRedis();
    await using stage = await twoStages(redis);
    const { here, viewers } = stage;
    await permit('-publish')(redis);
    for (let count = 1; count <= 3; count += 1) {
      expect(await here.save()).toBe(true);
      for (const viewer of viewers) await untilShown(viewer, count);
    }
    expect(codes(here)).toEqual(['wake_failed']);
  });
});
