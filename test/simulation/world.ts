import { Engine, type FeedRequest, type Route } from '../../src/engine.ts';
import type { SseTriggerError } from '../../src/errors.ts';
import { toSubject } from '../../src/subject.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { type Pace, type Result, SimClient, SimConnection } from './client.ts';
import { Random } from './random.ts';
import { SimServer, SimStore, type WakeFaults } from './store.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly processes: number;
  readonly clients: number;
  readonly wakes: WakeFaults;
  /** Most milliseconds of one way to the store, and of one callback. */
  readonly latency: number;
  readonly callback: number;
  /** How each process makes its tokens, where it is to make them wrongly. */
  readonly newToken?: ((process: number, clock: VirtualClock) => () => string) | undefined;
  readonly storeTimeout?: number | undefined;
}

const KEYS = ['a', 'b', 'c'] as const;
export type Key = (typeof KEYS)[number];

const POLL = 2000;
const STORE_TIMEOUT = 1000;
const DATA_TIMEOUT = 3000;
const THROTTLE = 100;
const MAX_RUNS = 4;
const SPREAD = 5000;

const route = {
  heartbeat: 15_000,
  retry: [2000, 5000],
  throttle: THROTTLE,
  resync: 0,
  dataTimeout: DATA_TIMEOUT,
  writeTimeout: 30_000,
  lifetime: 300_000,
  maxPerViewer: 1000,
  revision: '',
} as const satisfies Omit<Route, 'number'>;

/** Which keys each feed watches; client number n has the feeds of PAGES[n % PAGES.length]. */
const PAGES: readonly (readonly { readonly name: string; readonly keys: readonly Key[] }[])[] = [
  [{ name: 'a', keys: ['a'] }],
  [{ name: 'ab', keys: ['a', 'b'] }],
  [
    { name: 'x', keys: ['a'] },
    { name: 'y', keys: ['b', 'c'] },
    { name: 'z', keys: ['c'] },
  ],
];

interface Process {
  readonly engine: Engine;
  readonly store: SimStore;
  /** What it pushed in vain, and keeps for as long as it lives. */
  readonly kept: Partial<Record<Key, number>>;
}

/** When something went on for which the guarantee makes an exception. */
interface Trouble {
  readonly from: number;
  to: number;
  readonly client: number | undefined;
}

/**
 * The real engine in several processes, over a store, callbacks and clients that all may fail, with the guarantee's text
 * watching: every violation of it is noted.
 */
export class World {
  readonly clock = new VirtualClock();
  readonly clients: SimClient[];
  readonly random: Random;
  readonly server: SimServer;
  readonly errors: SseTriggerError[] = [];
  readonly #options: WorldOptions;
  readonly #violations: string[] = [];
  readonly #processes: Process[] = [];
  /** All processes that ever were. */
  readonly #all: Process[] = [];
  /** The application's database, and what of it pushes promised to show. */
  readonly #state: Record<Key, number> = { a: 0, b: 0, c: 0 };
  readonly #promised: Record<Key, number> = { a: 0, b: 0, c: 0 };
  readonly #troubles: Trouble[] = [];
  readonly #lagging = new Map<number, Trouble>();
  readonly #losses: number[] = [];
  readonly #active = new Map<string, number>();
  #tokens = 0;
  #runs = 0;
  /** How many more runs of each feed can be explained, where they are counted. */
  #runsLeft = new Map<string, number>();
  #callbacks: 'well' | 'failing' | 'hanging' = 'well';

  constructor(options: WorldOptions) {
    this.#options = options;
    this.random = new Random(options.seed);
    this.server = new SimServer(this.clock, this.random, options.wakes);
    this.clients = Array.from({ length: options.clients }, () => new SimClient());
    for (let index = 0; index < options.processes; index += 1) this.#start(index);
  }

  get violations(): readonly string[] {
    const noted = [
      ...this.clients.flatMap((client) => client.violations),
      ...this.#all.flatMap(({ store }) => store.violations),
    ];
    return [...this.#violations, ...noted];
  }

  /** X of the guarantee. */
  get bound(): number {
    const callback = Math.max(this.#options.callback, DATA_TIMEOUT);
    const feeds = this.#options.processes * 5;
    return 1.1 * POLL + 2 * STORE_TIMEOUT + THROTTLE + 2 * callback + Math.ceil(feeds / MAX_RUNS) * callback;
  }

  #start(index: number): void {
    const { newToken, latency, storeTimeout = STORE_TIMEOUT } = this.#options;
    const store = new SimStore(this.server, this.clock, this.random, latency);
    const engine = new Engine({
      store,
      clock: this.clock,
      random: this.random.next,
      newToken: newToken?.(index, this.clock) ?? (() => this.#uniqueToken()),
      poll: POLL,
      storeTimeout,
      maxRuns: MAX_RUNS,
      maxStreams: Number.POSITIVE_INFINITY,
      maxUnsent: 1000,
      onError: (error) => this.errors.push(error),
    });
    this.#processes[index] = { engine, store, kept: {} };
    this.#all.push(this.#processes[index]);
  }

  #uniqueToken(): string {
    this.#tokens += 1;
    return `token${this.#tokens}`;
  }

  /** From now on, more than two runs of a feed for each save of one of its keys are a violation. */
  countRuns(): void {
    this.#runsLeft = new Map();
    for (const process of this.#processes.keys()) {
      for (const { name } of PAGES.flat()) this.#runsLeft.set(`${process} ${name}`, 0);
    }
  }

  #allowRuns(key: Key): void {
    for (const [place, runs] of this.#runsLeft) {
      const { keys } = PAGES.flat().find(({ name }) => place.endsWith(` ${name}`))!;
      if (keys.includes(key)) this.#runsLeft.set(place, runs + 2);
    }
  }

  #countRun(place: string): void {
    const left = this.#runsLeft.get(place) ?? Number.POSITIVE_INFINITY;
    this.#runsLeft.set(place, left - 1);
    if (left === 0) this.#violations.push(`a run of ${place} at ${this.clock.now()} that no save explains`);
  }

  // What happens in the world.

  /** The application saves and pushes, in a process of ours. */
  async save(key: Key, process: number): Promise<void> {
    const began = this.#processes[process]!;
    this.#state[key] += 1;
    this.#allowRuns(key);
    const state = this.#state[key];
    const stored = await began.engine.push([key]);
    if (stored) this.#promise(key, state);
    else began.kept[key] = state;
  }

  /** Another program saves, and writes the version by itself; most such programs do not wake anybody. */
  saveElsewhere(key: Key): void {
    if (this.server.state !== 'up') return;
    this.#state[key] += 1;
    this.#allowRuns(key);
    const token = this.#uniqueToken();
    this.server.set(key, token);
    if (this.random.chance(0.3)) this.server.publish(key, token);
    this.#promise(key, this.#state[key]);
  }

  /** A page opens a stream: a page loaded anew, or one that comes back with its last id. */
  connect(index: number, process: number, anew: boolean, pace: Pace): void {
    const client = this.clients[index]!;
    this.disconnect(index);
    if (anew) client.reload();
    const sink = new SimConnection(client, this.clock, this.random);
    this.lag(index, pace);
    const feeds = this.#page(index).map((feed) => this.#feedRequest(process, feed));
    const number = index % PAGES.length;
    const { engine } = this.#processes[process]!;
    const promised = { ...this.#promised };
    engine.open({
      route: { ...route, number },
      sink,
      feeds,
      viewer: undefined,
      lastEventId: client.lastEventId,
      path: undefined,
    });
    this.#expect(
      `client ${index}, which came at ${this.clock.now()}`,
      this.bound,
      promised,
      (other) => other === index,
      sink,
    );
  }

  disconnect(index: number): void {
    this.clients[index]!.connection?.leave();
    this.#endLag(index);
  }

  /** A client takes what it is sent only after a while, or no more. */
  lag(index: number, pace: Pace): void {
    const { connection } = this.clients[index]!;
    if (connection === undefined || this.#lagging.has(index) || pace === 'well') return;
    connection.pace = pace;
    this.#lagging.set(index, this.#trouble(index));
  }

  goOn(index: number): void {
    this.#endLag(index);
    const { connection } = this.clients[index]!;
    if (connection === undefined) return;
    connection.pace = 'well';
    connection.goOn();
  }

  storeIs(state: 'refusing' | 'silent', ms: number): void {
    if (this.server.state !== 'up') return;
    this.server.state = state;
    const trouble = this.#trouble();
    this.clock.after(ms, () => {
      this.server.state = 'up';
      trouble.to = this.clock.now();
    });
  }

  callbacksAre(state: 'failing' | 'hanging', ms: number): void {
    if (this.#callbacks !== 'well') return;
    this.#callbacks = state;
    const trouble = this.#trouble();
    this.clock.after(ms, () => {
      this.#callbacks = 'well';
      trouble.to = this.clock.now();
    });
  }

  loseData(how: 'flush' | 'restartEmpty' | 'rollBack'): void {
    if (how === 'rollBack') this.server.rollBack(this.random.upTo(6000));
    else this.server[how]();
    this.#losses.push(this.clock.now());
    // What was pushed before is to be seen all the same, a little later.
    this.#expect(`all after ${how}`, this.bound + SPREAD, { ...this.#promised }, () => true);
  }

  /** A process is killed and started again; its clients come back somewhere, some other time. */
  restart(process: number): void {
    const { engine } = this.#processes[process]!;
    void engine.close();
    this.#start(process);
  }

  /** Lets everything go well, and long enough; then everybody has to show everything, and nothing may be left when all have gone. */
  async settle(): Promise<void> {
    for (const index of this.clients.keys()) this.goOn(index);
    await this.clock.advance(12_000);
    const promised = { ...this.#promised };
    for (const key of KEYS)
      promised[key] = Math.max(promised[key], ...this.#processes.map(({ kept }) => kept[key] ?? 0));
    await this.clock.advance(this.bound + SPREAD + POLL);
    this.#check('all in the end', promised, () => true);
    for (const index of this.clients.keys()) this.disconnect(index);
    await this.clock.advance(0);
    for (const { engine } of this.#all) {
      const { streams, keys } = engine.stats();
      if (streams + keys > 0)
        this.#violations.push(`${streams} streams and ${keys} keys left when all had gone`);
    }
    for (const [name, active] of this.#active) {
      if (active > 0) this.#violations.push(`${active} runs of ${name} left when all had gone`);
    }
    for (const { engine } of this.#processes) void engine.close();
    await this.clock.advance(2 * STORE_TIMEOUT + 8000);
    if (this.clock.pending > 0) this.#violations.push(`${this.clock.pending} timers left in the end`);
  }

  // What the application does.

  #page(index: number) {
    return PAGES[index % PAGES.length]!;
  }

  #feedRequest(process: number, { name, keys }: { name: string; keys: readonly Key[] }): FeedRequest {
    const subject = toSubject(name);
    return {
      keys,
      eventName: undefined,
      subject,
      data: (signal) => this.#data(`${process} ${name}`, name, keys, signal),
    };
  }

  async #data(place: string, feed: string, keys: readonly Key[], signal: AbortSignal): Promise<Result> {
    this.#runs += 1;
    const states = Object.fromEntries(keys.map((key) => [key, this.#state[key]]));
    const result = { feed, run: this.#runs, states };
    const duration = this.random.upTo(this.#options.callback);
    this.#countRun(place);
    this.#enter(place, signal);
    if (this.#callbacks === 'hanging') await new Promise(() => {});
    await new Promise<void>((resolve) => this.clock.after(duration, resolve));
    if (this.#callbacks === 'failing') {
      this.#leave(place, signal);
      throw new Error('the database is away');
    }
    this.#leave(place, signal);
    return result;
  }

  /** Runs that were aborted do not count any more. */
  #enter(place: string, signal: AbortSignal): void {
    const active = (this.#active.get(place) ?? 0) + 1;
    this.#active.set(place, active);
    if (active > 1) this.#violations.push(`${active} runs of ${place} at once`);
    signal.addEventListener('abort', () => this.#active.set(place, this.#active.get(place)! - 1));
  }

  #leave(place: string, signal: AbortSignal): void {
    if (!signal.aborted) this.#active.set(place, this.#active.get(place)! - 1);
  }

  // What the guarantee says.

  #promise(key: Key, state: number): void {
    this.#promised[key] = Math.max(this.#promised[key], state);
    this.#expect(`all after state ${state} of ${key}`, this.bound, { [key]: state }, () => true);
  }

  /** Looks, when `within` has passed without trouble, whether the streams concerned that were open all the while show `promised`. */
  #expect(
    what: string,
    within: number,
    promised: Partial<Record<Key, number>>,
    concerns: (client: number) => boolean,
    sink?: SimConnection,
  ): void {
    const from = this.clock.now();
    this.clock.after(within, () => {
      if (this.#losses.some((at) => at > from || (at === from && within === this.bound))) return;
      this.#check(`${what} at ${this.clock.now()}`, promised, (index) => {
        const { connection } = this.clients[index]!;
        const wasOpen =
          connection !== undefined &&
          (sink === undefined ? connection.openedAt <= from : connection === sink);
        return concerns(index) && wasOpen && !this.#hadTrouble(index, from);
      });
    });
  }

  #check(what: string, promised: Partial<Record<Key, number>>, concerns: (client: number) => boolean): void {
    for (const [index, client] of this.clients.entries()) {
      if (client.connection === undefined || !concerns(index)) continue;
      for (const { name, keys } of this.#page(index)) {
        for (const key of keys) {
          const shown = client.shows.get(name)?.states[key] ?? -1;
          if (shown < (promised[key] ?? 0)) {
            this.#violations.push(
              `${what}: client ${index} shows ${shown} of ${key} in ${name}, not ${promised[key]}`,
            );
          }
        }
      }
    }
  }

  #endLag(client: number): void {
    const trouble = this.#lagging.get(client);
    if (trouble !== undefined) trouble.to = this.clock.now();
    this.#lagging.delete(client);
  }

  #trouble(client?: number): Trouble {
    const trouble = { from: this.clock.now(), to: Number.POSITIVE_INFINITY, client };
    this.#troubles.push(trouble);
    return trouble;
  }

  #hadTrouble(client: number, since: number): boolean {
    return this.#troubles.some(
      ({ to, client: whose }) => to >= since && (whose === undefined || whose === client),
    );
  }
}
