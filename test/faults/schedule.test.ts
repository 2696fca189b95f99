import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventSource } from 'eventsource';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import type { Stats } from '../../src/stats.ts';
import { Random } from '../simulation/random.ts';
import { type AppProcess, startApp } from '../support/app-process.ts';
import { excess, holdingsOf, lastingExcess } from '../support/holdings.ts';
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
import { openStream } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

/** `npm run soak` asks for more. */
const LOAD_MS = Number(process.env.SOAK_LOAD_MS ?? 15_000);
const SEED = Number(process.env.SOAK_SEED ?? Math.floor(Math.random() * 2 ** 31));
const CLIENTS = 200;
/** One hears of the others' pushes by the poll alone, and one is never killed, so that what it keeps adds up. */
const PROCESSES = [
  { WAKE: 'on', isKilled: true },
  { WAKE: 'off', isKilled: true },
  { WAKE: 'on', isKilled: false },
];
const NAMES = Array.from({ length: 20 }, (_, index) => `n${index}`);
const POLL = 500;
const STORE_TIMEOUT = 400;
/** Characters of each state, so that one that is kept weighs something. */
const PADDING = 20_000;
/** What the guarantee says, with the pause of a client that comes back, and what a busy machine adds. */
const BOUND = 1.1 * POLL + 2 * STORE_TIMEOUT + 100 + 5000 + 500 + 5000;

interface Fault {
  readonly name: string;
  readonly begin: (redis: RedisServer) => Promise<unknown>;
  /** Where it does not end by itself. */
  readonly end?: (redis: RedisServer) => Promise<unknown>;
}

const flush = (redis: RedisServer) => asOperator(redis, (operator) => operator.flushall());
/** What is pushed after this comes to nothing, although some of it was acknowledged. */
const saveAndCrash = async (redis: RedisServer) => {
  await asOperator(redis, (operator) => operator.save());
  await sleep(POLL / 2);
  await redis.kill();
};
const forget = ({ dir }: RedisServer) => rm(join(dir, 'dump.rdb'), { force: true });
const crash = (redis: RedisServer) => redis.kill();
const start = (redis: RedisServer) => redis.start();

const faults: readonly Fault[] = [
  { name: 'stopped', begin: (redis) => redis.kill('SIGSTOP'), end: (redis) => redis.kill('SIGCONT') },
  { name: 'crashed, and is as it was a moment before', begin: saveAndCrash, end: start },
  {
    name: 'crashed, and nothing is back',
    begin: (redis) => crash(redis).then(() => forget(redis)),
    end: start,
  },
  { name: 'flushed', begin: flush },
  { name: 'short of memory, and evicts', begin: evictAll },
  { name: 'full', begin: configure('maxmemory', '1'), end: configure('maxmemory', '0') },
  { name: 'closed to who has no password', begin: lockOut, end: letIn },
  { name: 'not to be written', begin: permit('-set'), end: permit('+@all') },
  { name: 'not to be read', begin: permit('-mget'), end: permit('+@all') },
  { name: 'not to be asked for its name', begin: permit('-info'), end: permit('+@all') },
  { name: 'a replica', begin: toReplica, end: toPrimary },
  { name: 'not to be reached on connections from before', begin: cutAll },
];

/** A server that comes back at the same port when it was killed. */
class Server {
  readonly #env: Readonly<Record<string, string>>;
  /** Names whose last push may be lost with the process. */
  readonly #uncertain = new Set<string>();
  app: AppProcess;

  constructor(app: AppProcess, env: Readonly<Record<string, string>>) {
    this.app = app;
    this.#env = env;
  }

  async save(name: string): Promise<void> {
    this.#uncertain.add(name);
    const answer = await this.app.post<{ stored: boolean }>(`/counts/${name}/saves`).catch(() => undefined);
    if (answer?.stored) this.#uncertain.delete(name);
  }

  /** As users do, it saves again what it was told no success of. */
  async restart(): Promise<void> {
    await this.app.kill();
    this.app = await startApp('counter-app.js', { ...this.#env, PORT: `${this.app.port}` });
    await Promise.all(Array.from(this.#uncertain, (name) => this.save(name)));
  }
}

/** Saves now and then until it is disposed of, which takes until all were answered. */
function saveOn(servers: readonly Server[], random: Random): AsyncDisposable {
  const saves: Promise<void>[] = [];
  let isOver = false;
  const saving = (async () => {
    while (!isOver) {
      saves.push(random.pick(servers).save(random.pick(NAMES)));
      await sleep(random.upTo(50));
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      isOver = true;
      await saving;
      await Promise.all(saves);
    },
  };
}

/** A browser's page, which comes back by itself. */
class Page {
  readonly name: string;
  readonly server: Server;
  #source: EventSource;
  shows: number | undefined;

  constructor(name: string, server: Server) {
    this.name = name;
    this.server = server;
    this.#source = this.#open();
  }

  #open(): EventSource {
    const source = new EventSource(`${this.server.app.url}/counts/${this.name}/stream`);
    source.addEventListener('message', ({ data }) => {
      this.shows = (JSON.parse(data) as { count: number }).count;
    });
    return source;
  }

  close(): void {
    this.#source.close();
  }

  reload(): void {
    this.close();
    this.shows = undefined;
    this.#source = this.#open();
  }
}

it(`after ${LOAD_MS / 1000} s of what can happen to Redis and to processes, ${CLIENTS} clients of ${PROCESSES.length} processes show what the database has, and one that lives on holds no more than before (S2, S3, S4, S5, S10)`, {
  timeout: LOAD_MS + 60_000,
}, async () => {
  // One each, so that the faults are the same in every run with the same seed, however the rest goes.
  const random = new Random(SEED);
  const saver = new Random(SEED + 1);
  const replay = `SOAK_SEED=${SEED} SOAK_LOAD_MS=${LOAD_MS} npm test -- test/faults/schedule.test.ts`;
  await using redis = await startRedis();
  await using storage = await startRedis();
  const database = new Redis(storage.port);
  const servers: Server[] = [];
  for (const { WAKE } of PROCESSES) {
    const urls = { REDIS_URL: redis.url, DATABASE_URL: storage.url };
    const env = { ...urls, WAKE, POLL: `${POLL}`, STORE_TIMEOUT: `${STORE_TIMEOUT}`, PADDING: `${PADDING}` };
    servers.push(new Server(await startApp('counter-app.js', env), env));
  }
  const pages = Array.from({ length: CLIENTS }, (_, index) => {
    return new Page(NAMES[index % NAMES.length]!, servers[index % servers.length]!);
  });
  const mortal = servers.filter((_, index) => PROCESSES[index]!.isKilled);
  const lasting = servers[PROCESSES.findIndex(({ isKilled }) => !isKilled)]!;
  const happened: string[] = [];
  const tell = () => `What happened: ${happened.join(', ')}.\nTo see it again: ${replay}`;
  const look = () => holdingsOf(lasting.app, pages.filter(({ server }) => server === lasting).length);

  /** Waits until what has to be is so, and fails when it is not in time. */
  const settle = async () => {
    const counts = await database.mget(NAMES.map((name) => `counts:${name}`));
    const wrong = () =>
      pages.flatMap(({ name, shows }, page) => {
        const count = Number(counts[NAMES.indexOf(name)]);
        return shows === count ? [] : [`page ${page} shows ${shows} of ${name}, not ${count}`];
      });
    await until(() => wrong().length === 0, BOUND).catch(() => {});
    expect(wrong(), tell()).toEqual([]);
    for (const { app } of servers) expect(app.said, tell()).toEqual([]);
  };

  try {
    // Node's fetch may wait for ever for a server that is killed while a crowd is connecting to it for the first time.
    await settle();
    // Only then has it all of its connections.
    await lasting.save(NAMES[0]!);
    await settle();
    const before = await look();
    const end = performance.now() + LOAD_MS;
    while (performance.now() < end) {
      // Also stopped where a fault could not be brought about.
      await using saving = saveOn(servers, saver);
      const stopSaving = () => saving[Symbol.asyncDispose]();
      if (random.chance(0.1)) {
        happened.push('a server was killed');
        await random.pick(mortal).restart();
        await stopSaving();
      } else {
        for (let index = 0; index < 5; index += 1) random.pick(pages).reload();
        const fault = random.pick(faults);
        happened.push(`Redis was ${fault.name}`);
        await fault.begin(redis);
        await sleep(random.upTo(1000));
        // What is pushed last has nothing come after it that would make up for it.
        if (random.chance(0.5)) await stopSaving();
        await fault.end?.(redis);
        await stopSaving();
      }
      await settle();
    }
    expect(await lastingExcess(before, look), tell()).toEqual({});
  } finally {
    for (const page of pages) page.close();
    for (const { app } of servers) await app.kill();
    database.disconnect();
  }
});

it.for([
  ['connections', 'files'],
  ['frames', 'heap'],
] as const)('a process that kept %s would be noticed, by %s', { timeout: 30_000 }, async ([LEAK, what]) => {
  await using redis = await startRedis();
  const env = { REDIS_URL: redis.url, POLL: '50', STORE_TIMEOUT: '100', PADDING: '2000000', LEAK };
  await using app = await startApp('counter-app.js', env);
  await using _viewer = await openStream(app.url, '/counts/n/stream');
  const before = await holdingsOf(app, 1);
  for (let round = 0; round < 5; round += 1) {
    const isDown = async () => (await app.get<Stats>('/stats')).storeDown;
    await redis.kill('SIGSTOP');
    await until(isDown);
    await redis.kill('SIGCONT');
    await until(async () => !(await isDown()));
    await app.post('/counts/n/saves');
  }
  expect(excess(before, await holdingsOf(app, 1))).toHaveProperty(what);
});
