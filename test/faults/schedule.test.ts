import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventSource } from 'eventsource';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { Random } from '../simulation/random.ts';
import { type AppProcess, startApp } from '../support/app-process.ts';
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
import { until } from '../support/until.ts';

/** `npm run soak` asks for more. */
const LOAD_MS = Number(process.env.SOAK_LOAD_MS ?? 15_000);
const SEED = Number(process.env.SOAK_SEED ?? Math.floor(Math.random() * 2 ** 31));
const CLIENTS = 200;
const PROCESSES = 2;
const NAMES = Array.from({ length: 20 }, (_, index) => `n${index}`);
const POLL = 500;
const STORE_TIMEOUT = 400;
/** What the guarantee says, with the pause of a client that comes back, and what a busy machine adds. */
const BOUND = 1.1 * POLL + 2 * STORE_TIMEOUT + 100 + 5000 + 500 + 5000;

interface Fault {
  readonly name: string;
  readonly begin: (redis: RedisServer) => Promise<unknown>;
  /** Where it does not end by itself. */
  readonly end?: (redis: RedisServer) => Promise<unknown>;
}

const flush = (redis: RedisServer) => asOperator(redis, (operator) => operator.flushall());
const snapshot = (redis: RedisServer) => asOperator(redis, (operator) => operator.save());
const forget = ({ dir }: RedisServer) => rm(join(dir, 'dump.rdb'), { force: true });
const crash = (redis: RedisServer) => redis.kill();
const start = (redis: RedisServer) => redis.start();

const faults: readonly Fault[] = [
  { name: 'stopped', begin: (redis) => redis.kill('SIGSTOP'), end: (redis) => redis.kill('SIGCONT') },
  { name: 'crashed, and what was saved is back', begin: crash, end: start },
  {
    name: 'crashed, and nothing is back',
    begin: (redis) => crash(redis).then(() => forget(redis)),
    end: start,
  },
  { name: 'saved', begin: snapshot },
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

/** A browser's page, which comes back by itself. */
class Page {
  readonly name: string;
  readonly #server: Server;
  #source: EventSource;
  shows: number | undefined;

  constructor(name: string, server: Server) {
    this.name = name;
    this.#server = server;
    this.#source = this.#open();
  }

  #open(): EventSource {
    const source = new EventSource(`${this.#server.app.url}/counts/${this.name}/stream`);
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

it(`after ${LOAD_MS / 1000} s of what can happen to Redis and to processes, ${CLIENTS} clients of ${PROCESSES} processes show what the database has (S2, S3, S4, S5, S10)`, {
  timeout: LOAD_MS + 60_000,
}, async () => {
  // One each, so that the faults are the same in every run with the same seed, however the rest goes.
  const random = new Random(SEED);
  const saver = new Random(SEED + 1);
  const visitor = new Random(SEED + 2);
  const replay = `SOAK_SEED=${SEED} SOAK_LOAD_MS=${LOAD_MS} npm test -- test/faults/schedule.test.ts`;
  await using redis = await startRedis();
  await using storage = await startRedis();
  const env = {
    REDIS_URL: redis.url,
    DATABASE_URL: storage.url,
    POLL: `${POLL}`,
    STORE_TIMEOUT: `${STORE_TIMEOUT}`,
  };
  const servers: Server[] = [];
  for (let process = 0; process < PROCESSES; process += 1) {
    servers.push(new Server(await startApp('counter-app.js', env), env));
  }
  const pages = Array.from({ length: CLIENTS }, (_, index) => {
    return new Page(NAMES[index % NAMES.length]!, servers[index % PROCESSES]!);
  });
  const happened: string[] = [];
  try {
    const end = performance.now() + LOAD_MS;
    const isOver = () => performance.now() > end;
    const saving = (async () => {
      const saves = new Set<Promise<void>>();
      while (!isOver()) {
        const save = saver.pick(servers).save(saver.pick(NAMES));
        saves.add(save);
        void save.then(() => saves.delete(save));
        await sleep(10);
      }
      await Promise.all(saves);
    })();
    const visiting = (async () => {
      while (!isOver()) {
        visitor.pick(pages).reload();
        await sleep(100);
      }
    })();
    while (!isOver()) {
      if (random.chance(0.1)) {
        happened.push('a server was killed');
        await random.pick(servers).restart();
      } else {
        const fault = random.pick(faults);
        happened.push(fault.name);
        await fault.begin(redis);
        await sleep(random.upTo(1500));
        await fault.end?.(redis);
      }
      await sleep(random.upTo(500));
    }
    await Promise.all([saving, visiting]);

    const database = new Redis(storage.port);
    const counts = await database.mget(NAMES.map((name) => `counts:${name}`));
    database.disconnect();
    const wrong = () => pages.filter(({ name, shows }) => shows !== Number(counts[NAMES.indexOf(name)]));
    await until(() => wrong().length === 0, BOUND).catch(() => {});
    const tell = `Redis was ${happened.join(', ')}.\nTo see it again: ${replay}`;
    expect(
      wrong().map(({ name, shows }) => `${name}: ${shows}, not ${counts[NAMES.indexOf(name)]}`),
      tell,
    ).toEqual([]);
    for (const { app } of servers) expect(app.said, tell).toEqual([]);
  } finally {
    for (const page of pages) page.close();
    for (const { app } of servers) await app.kill();
  }
});
