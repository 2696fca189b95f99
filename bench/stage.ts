import { setTimeout as sleep } from 'node:timers/promises';
import type { BirpcReturn } from 'birpc';
import { Redis } from 'ioredis';
import { Child } from './child.ts';
import type { Pace, Wanted } from './clients/group.ts';
import { type Contestant, defaults, type Settings } from './contestants/contestant.ts';
import { contestants } from './contestants/index.ts';
import type { GeneratorCalls } from './generator.ts';
import type { ContestantName } from './measurement.ts';
import type { PusherCalls } from './pusher.ts';
import type { ServerCalls } from './server.ts';
import { until } from './until.ts';

export type StageSettings = Partial<Settings> & Pick<Settings, 'redisUrl'>;

/** One contestant with its clients and its saves, each in a process of its own, on a Redis that was emptied. */
export class Stage implements AsyncDisposable {
  readonly contestant: Contestant;
  readonly settings: Settings;
  #server = new Child<ServerCalls>('server');
  readonly #generator = new Child<GeneratorCalls>('generator');
  readonly #pusher = new Child<PusherCalls>('pusher');
  #port = 0;

  static async build(name: ContestantName, settings: StageSettings): Promise<Stage> {
    const stage = new Stage(contestants[name], { ...defaults, ...settings });
    try {
      await empty(settings.redisUrl);
      stage.#port = await stage.server.start(name, stage.settings);
      await stage.pusher.start(name, stage.settings, stage.port);
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
    return stage;
  }

  private constructor(contestant: Contestant, settings: Settings) {
    this.contestant = contestant;
    this.settings = settings;
  }

  /** Where the contestant serves. */
  get port(): number {
    return this.#port;
  }

  get server(): BirpcReturn<ServerCalls, object> {
    return this.#server.calls;
  }

  get generator(): BirpcReturn<GeneratorCalls, object> {
    return this.#generator.calls;
  }

  get pusher(): BirpcReturn<PusherCalls, object> {
    return this.#pusher.calls;
  }

  /** Opens a client for each of `keys`. */
  async open(keys: readonly string[], pace?: Pace): Promise<Opened> {
    const { protocol } = this.contestant;
    const group = await this.generator.group({ protocol, keys });
    const openedMs = await this.generator.open(group, this.port, pace);
    return { group, openedMs };
  }

  /**
   * Until the clients show what is wanted of them, where nothing can be measured before.
   * @throws when some never do
   */
  async settle(group: number, wanted: Wanted): Promise<void> {
    const missing = await this.generator.untilShown(group, wanted);
    if (missing > 0) throw new Error(`${missing} clients of ${this.contestant.name} never showed their row`);
  }

  /** Has code compiled and buffers grown before anything is measured: some clients come, are sent to and leave. */
  async warmUp(keys: readonly string[], bytes = 100): Promise<void> {
    const { group } = await this.open(keys);
    const saves = await this.pusher.save({ keys: keys.slice(0, 50), perSecond: 250, bytes });
    await this.settle(group, saves.last);
    const open = await this.server.sockets();
    await this.generator.close(group);
    // Until the server has seen them leave; the loops of the literal port see it a poll later.
    await until(async () => (await this.server.sockets()) <= Math.max(0, open - keys.length));
    if (this.contestant.name === 'literal-port') await sleep(this.settings.poll);
    await this.server.usage({ gc: true });
  }

  /** Kills the server's process. */
  endServer(): Promise<void> {
    return this.#server.end();
  }

  /** Starts another one in its place, on the same port, without waiting for clients. */
  async startServer(): Promise<void> {
    this.#server = new Child('server');
    await this.server.start(this.contestant.name, { ...this.settings, port: this.port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.end().catch(() => {}); // it may be gone
    await Promise.all([this.#server.end(), this.#generator.end(), this.#pusher.end()]);
  }
}

async function empty(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl);
  try {
    await redis.flushall();
  } finally {
    redis.disconnect();
  }
}

export interface Opened {
  /** What the generator calls these clients. */
  readonly group: number;
  /** Milliseconds until the last one had a good answer and first bytes. */
  readonly openedMs: number;
}
