import { streamSse } from '../../src/index.ts';
import type { RedisStore } from '../../src/stores/redis-store.ts';
import type { SseTriggerOptions } from '../../src/trigger.ts';
import { MeasuredStore } from './measured-store.ts';
import { type StreamApp, streamApp } from './stream-app.ts';
import { openStream, type StreamClient } from './stream-client.ts';
import { until } from './until.ts';

const POLL = 200;
/** More than a server takes on a busy machine. */
const STORE_TIMEOUT = 2_000;
/**
 * What the guarantee allows with these options, in ms, when versions that were acknowledged are lost; and as much again,
 * since programs that share a busy machine take turns.
 */
const BOUND = 2 * (1.1 * POLL + 2 * STORE_TIMEOUT + 100 + 5_000);
/** What a busy machine adds to a deadline, in ms. */
const LATE = 500;
const OPTIONS: SseTriggerOptions = { poll: POLL, storeTimeout: STORE_TIMEOUT };

/** Processes with a stream open on each of many keys in each of them, over one database. */
export class Crowd implements AsyncDisposable {
  readonly apps: readonly StreamApp[];
  readonly keys: readonly string[];
  /** How often the data of a key was read, in all processes. */
  readonly runs = new Map<string, number>();
  /** Milliseconds that the slowest push took. */
  #slowestPush = 0;
  readonly #stores: readonly MeasuredStore[];
  readonly #state: Map<string, number>;
  readonly #viewers: { readonly key: string; readonly client: StreamClient; shown: string | undefined }[] =
    [];

  private constructor(
    apps: readonly StreamApp[],
    stores: readonly MeasuredStore[],
    keys: readonly string[],
    state: Map<string, number>,
  ) {
    this.apps = apps;
    this.#stores = stores;
    this.keys = keys;
    this.#state = state;
  }

  /** A process for each of these stores. Resolves when all streams show something. */
  static async start(redisStores: readonly RedisStore[], keys: readonly string[]): Promise<Crowd> {
    const state = new Map(keys.map((key) => [key, 1]));
    const stores = redisStores.map((store) => new MeasuredStore(store));
    let crowd: Crowd | undefined;
    const apps = await Promise.all(
      stores.map((store) =>
        streamApp(
          (trigger) => ({
            '/:key': streamSse(trigger, {
              subject: (req) => req.params.key as string,
              key: (key) => key,
              data: (key) => {
                crowd!.runs.set(key, (crowd!.runs.get(key) ?? 0) + 1);
                return `${state.get(key)}`;
              },
            }),
          }),
          { store, ...OPTIONS },
        ),
      ),
    );
    crowd = new Crowd(apps, stores, keys, state);
    for (const app of apps) await Promise.all(keys.map((key) => crowd.#follow(app, key)));
    await crowd.converged();
    return crowd;
  }

  /** Changes these keys and pushes them together. */
  async save(keys: readonly string[], app = 0): Promise<boolean> {
    for (const key of keys) this.#state.set(key, this.#state.get(key)! + 1);
    const began = performance.now();
    const isStored = await this.apps[app]!.trigger.push([...keys]);
    this.#slowestPush = Math.max(this.#slowestPush, performance.now() - began);
    return isStored;
  }

  /** Whether no push, and no call of a store, has taken longer than its deadline, give or take what a busy machine does. */
  get isInTime(): boolean {
    const slowest = Math.max(this.#slowestPush, ...this.#stores.map((store) => store.slowest));
    return slowest < STORE_TIMEOUT + LATE;
  }

  /** Resolves when every stream shows the present state. @throws when that takes longer than the guarantee allows. */
  async converged(): Promise<void> {
    const late = () => this.#viewers.filter(({ key, shown }) => shown !== `${this.#state.get(key)}`);
    await until(() => late().length === 0, BOUND).catch(() => {
      throw new Error(`late: ${late().map(({ key, shown }) => `${key} shows ${shown}`)}`);
    });
  }

  /** The keys whose data is read while `work` goes on. */
  async runsDuring(work: () => Promise<unknown>): Promise<Set<string>> {
    const before = new Map(this.runs);
    await work();
    return new Set(this.keys.filter((key) => this.runs.get(key) !== before.get(key)));
  }

  /** Resolves when all processes have read the versions of all keys so many times more. */
  async polls(count: number): Promise<void> {
    await Promise.all(
      this.apps.map(async ({ trigger }) => {
        const enough = trigger.stats().checks + count * this.keys.length;
        await until(() => trigger.stats().checks >= enough);
      }),
    );
  }

  /** Looks at a key once, and leaves with the id of what it shows. */
  async leaveWithId(key: string): Promise<string> {
    await using viewer = await this.apps[0]!.open(`/${key}`);
    return (await viewer.next()).id!;
  }

  /** Opens one more stream, as somebody who was here before. */
  comeBack(key: string, id: string, app = 0): Promise<StreamClient> {
    return this.apps[app]!.open(`/${key}`, { 'last-event-id': id });
  }

  async #follow(app: StreamApp, key: string): Promise<void> {
    const client = await openStream(app.served.url, `/${key}`, { deadline: 100_000 });
    const viewer = { key, client, shown: undefined as string | undefined };
    this.#viewers.push(viewer);
    const follow = async () => {
      for (;;) viewer.shown = (await client.next()).data;
    };
    follow().catch((error) => {
      viewer.shown = `nothing any more: ${error}`;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client } of this.#viewers) void client[Symbol.asyncDispose]();
    for (const app of this.apps) await app[Symbol.asyncDispose]();
  }
}
