import type { Applicant } from '../../src/applicant.ts';
import { Engine, type Route } from '../../src/engine.ts';
import type { SseTriggerError } from '../../src/errors.ts';
import type { FeedRequest } from '../../src/feeds.ts';
import type { PermissionRequest } from '../../src/permissions.ts';
import { toSubject } from '../../src/subject.ts';
import { Viewers } from '../../src/viewers.ts';
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

const VIEWERS = ['ann', 'bob'] as const;
export type Viewer = (typeof VIEWERS)[number];

const POLL = 2000;
/** So that a poll of three keys comes in parts. */
const POLL_AT_ONCE = 2;
const STORE_TIMEOUT = 1000;
const DATA_TIMEOUT = 3000;
const THROTTLE = 100;
const MAX_RUNS = 4;
const SPREAD = 5000;
const AUTHORIZE_EVERY = 8000;
const LAST_BACKOFF = 30_000;

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
} as const satisfies Omit<Route, 'number' | 'viewers'>;

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

/** Who looks; a client that is not here needs no permission. */
const LOOKING: Readonly<Record<number, Viewer>> = { 4: 'ann', 5: 'bob' };

/** What the database said to a call, and which of its states that was. */
interface Answer {
  readonly call: number;
  readonly allowed: boolean;
  readonly state: number;
}

interface Process {
  readonly engine: Engine;
  readonly store: SimStore;
  /** What the last call said that was answered, by page and viewer. */
  readonly answers: Map<string, Answer>;
  /** The oldest state of the database by which anything may be shown to a viewer. */
  readonly owed: Record<Viewer, number>;
  /** What it pushed in vain, and keeps for as long as it lives. */
  readonly kept: Partial<Record<Key, number>>;
}

/** Something for which the guarantee makes an exception while it lasts. */
interface Trouble {
  readonly kind: 'store' | 'callbacks' | 'answers' | 'permissions' | 'client';
  readonly concerns: (client: number) => boolean;
  to: number;
}

/** What a page has to show, from some moment on. */
interface Expectation {
  readonly what: string;
  readonly within: number;
  readonly states: Partial<Record<Key, number>>;
  /** Which connections it is about, of those that were open at that moment and stayed so. @defaultValue all */
  readonly of?: (connection: SimConnection) => boolean;
  /** Set where it makes no difference whether the store answers. */
  readonly withoutStore?: boolean;
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
  readonly #hosts = new WeakMap<SimConnection, Process>();
  readonly #active = new Map<string, number>();
  #tokens = 0;
  #runs = 0;
  /** How many more runs of each feed can be explained, where they are counted. */
  #runsLeft = new Map<string, number>();
  #callbacks: 'well' | 'failing' | 'hanging' = 'well';
  #answering: 'well' | 'failing' | 'hanging' = 'well';
  #calls = 0;
  /** Who may look, in the application's database; each change has a number. */
  readonly #permissions: Record<Viewer, { allowed: boolean; state: number }> = {
    ann: { allowed: true, state: 0 },
    bob: { allowed: true, state: 0 },
  };
  /** Those who have asked to open a stream and wait for the answer. */
  readonly #waiting = new Map<number, { readonly host: Process; readonly leave: () => void }>();

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
    return 1.1 * POLL + 2 * STORE_TIMEOUT + THROTTLE + this.#options.callback + this.#answerTime;
  }

  /** How long an answer of the application takes, and the queue before it. */
  get #answerTime(): number {
    const { callback } = this.#options;
    const jobs = PAGES.flat().length + Object.keys(LOOKING).length;
    return (1 + Math.ceil(jobs / MAX_RUNS)) * callback;
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
      pollAtOnce: POLL_AT_ONCE,
      storeTimeout,
      maxRuns: MAX_RUNS,
      maxStreams: Number.POSITIVE_INFINITY,
      maxUnsent: 1000,
      onError: (error) => this.errors.push(error),
    });
    const owed = { ann: 0, bob: 0 };
    this.#processes[index] = { engine, store, answers: new Map(), owed, kept: {} };
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
    const sentAt = this.clock.now();
    const stored = await began.engine.push([key]);
    if (stored) return this.#promise(key, state, sentAt);
    began.kept[key] = state;
    this.#expect({
      what: `those of process ${process} after state ${state} of ${key} was pushed in vain`,
      within: this.bound,
      states: { [key]: state },
      of: (connection) => this.#hosts.get(connection) === began,
      withoutStore: true,
    });
  }

  /** Another program saves, and writes the version by itself; most such programs do not wake anybody. */
  saveElsewhere(key: Key): void {
    if (this.server.state !== 'up') return;
    this.#state[key] += 1;
    this.#allowRuns(key);
    const token = this.#uniqueToken();
    this.server.set(key, token);
    if (this.random.chance(0.3)) this.server.publish(key, token);
    this.#promise(key, this.#state[key], this.clock.now());
  }

  /** A page opens a stream: a page loaded anew, or one that comes back with its last id. */
  connect(index: number, process: number, anew: boolean, pace: Pace): void {
    this.disconnect(index);
    if (anew) this.clients[index]!.reload();
    const host = this.#processes[process]!;
    const viewer = LOOKING[index];
    if (viewer === undefined) {
      this.#open(index, process, pace);
      return;
    }
    const number = index % PAGES.length;
    const applicant = host.engine.apply(number, this.#permissionRequest(host, number, viewer), '');
    const leave = () => {
      this.#waiting.delete(index);
      applicant.leave();
    };
    const wait = { host, leave };
    this.#waiting.set(index, wait);
    void applicant.verdict.then(({ is }) => {
      if (this.#waiting.get(index) !== wait) return;
      if (is !== 'refused') this.#open(index, process, pace, applicant);
      leave();
    });
  }

  #open(index: number, process: number, pace: Pace, applicant?: Applicant): void {
    const client = this.clients[index]!;
    const host = this.#processes[process]!;
    const number = index % PAGES.length;
    const sink = new SimConnection(client, this.clock, this.random);
    const viewer = LOOKING[index];
    if (viewer !== undefined) sink.forbids = () => this.#forbids(host, number, viewer);
    this.lag(index, pace);
    this.#hosts.set(sink, host);
    host.engine.open({
      route: { ...route, number, viewers: new Viewers() },
      sink,
      feeds: this.#page(index).map((feed) => this.#feedRequest(process, feed)),
      viewer: undefined,
      applicant,
      lastEventId: client.lastEventId,
      path: '',
    });
    this.#expect({
      what: `client ${index}, which came at ${this.clock.now()},`,
      within: this.bound,
      states: { ...this.#promised },
      of: (connection) => connection === sink,
    });
  }

  disconnect(index: number): void {
    this.#waiting.get(index)?.leave();
    this.clients[index]!.connection?.leave();
    this.#endLag(index);
  }

  /** A client takes what it is sent only after a while, or no more. */
  lag(index: number, pace: Pace): void {
    const { connection } = this.clients[index]!;
    if (connection === undefined || this.#lagging.has(index) || pace === 'well') return;
    connection.pace = pace;
    this.#lagging.set(
      index,
      this.#trouble('client', (client) => client === index),
    );
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
    const trouble = this.#trouble('store');
    this.clock.after(ms, () => {
      this.server.state = 'up';
      trouble.to = this.clock.now();
    });
  }

  callbacksAre(state: 'failing' | 'hanging', ms: number): void {
    if (this.#callbacks !== 'well') return;
    this.#callbacks = state;
    const trouble = this.#trouble('callbacks');
    this.clock.after(ms, () => {
      this.#callbacks = 'well';
      // Those that hang by then are in the way until they are given up.
      trouble.to = this.clock.now() + DATA_TIMEOUT;
    });
  }

  /** The application changes who may look, and pushes the key of that in a process of ours, or not at all. */
  async permit(viewer: Viewer, allowed: boolean, process: number | undefined): Promise<void> {
    const permission = this.#permissions[viewer];
    permission.allowed = allowed;
    permission.state += 1;
    const { state } = permission;
    if (process === undefined) return this.#expectEnd(viewer, AUTHORIZE_EVERY + this.#answerTime);
    const began = this.#processes[process]!;
    const trouble = this.#trouble('permissions', (client) => LOOKING[client] === viewer);
    const losses = this.#losses.length;
    if (!(await began.engine.push([keyOf(viewer)]))) return;
    began.owed[viewer] = Math.max(began.owed[viewer], state);
    trouble.to = this.clock.now() + this.#options.wakes.latest + 2 * this.bound;
    if (permission.state === state) this.#expectEnd(viewer, this.bound, losses);
  }

  answersAre(state: 'failing' | 'hanging', ms: number): void {
    if (this.#answering !== 'well') return;
    this.#answering = state;
    const trouble = this.#trouble('answers', needsPermission);
    // Calls that hang take up room at the gate.
    const gate = this.#trouble('callbacks', state === 'hanging' ? undefined : needsPermission);
    this.clock.after(ms, () => {
      this.#answering = 'well';
      gate.to = this.clock.now() + DATA_TIMEOUT;
      trouble.to = gate.to + LAST_BACKOFF + this.bound;
    });
  }

  loseData(how: 'flush' | 'restartEmpty' | 'rollBack'): void {
    if (how === 'rollBack') this.server.rollBack(this.random.upTo(6000));
    else this.server[how]();
    this.#losses.push(this.clock.now());
    // All permissions are asked for again, some time within the spread.
    this.#trouble('permissions', needsPermission).to = this.clock.now() + SPREAD + 2 * this.bound;
    for (const viewer of VIEWERS) this.#expectEnd(viewer, this.bound + SPREAD, this.#losses.length);
    // What was pushed before is to be seen all the same, a little later.
    this.#expect({ what: `all after ${how}`, within: this.bound + SPREAD, states: { ...this.#promised } });
  }

  /** A process ends and is started again; its clients come back somewhere, some other time. */
  restart(process: number, how: 'killed' | 'closed'): void {
    const host = this.#processes[process]!;
    if (how === 'killed') host.store.cut();
    else void host.engine.close();
    for (const waiting of this.#waiting.values()) if (waiting.host === host) waiting.leave();
    for (const { connection } of this.clients) {
      if (connection !== undefined && this.#hosts.get(connection) === host) connection.leave();
    }
    this.#start(process);
  }

  /** Lets everything go well, and long enough; then everybody has to show everything, and nothing may be left when all have gone. */
  async settle(): Promise<void> {
    for (const index of this.clients.keys()) this.goOn(index);
    // All troubles end by themselves, and the longest pause of a callback that failed is over.
    await this.clock.advance(40_000);
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
    for (const { engine } of this.#all) void engine.close();
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
      subject,
      source: {
        eventName: undefined,
        data: (_, { signal }) => this.#data(`${process} ${name}`, name, keys, signal),
      },
    };
  }

  #permissionRequest(host: Process, page: number, viewer: Viewer): PermissionRequest {
    return {
      rule: {
        ask: () => this.#answer(host, page, viewer),
        authorizeEvery: AUTHORIZE_EVERY,
        dataTimeout: DATA_TIMEOUT,
      },
      keys: [keyOf(viewer)],
      subject: toSubject(page + 1)!,
      viewer: toSubject(viewer),
    };
  }

  /** Reads from the database when it is called, and tells later. */
  async #answer(host: Process, page: number, viewer: Viewer): Promise<number> {
    this.#calls += 1;
    const answer = { call: this.#calls, ...this.#permissions[viewer] };
    const duration = this.random.upTo(this.#options.callback);
    if (this.#answering === 'hanging') await new Promise(() => {});
    await new Promise<void>((resolve) => this.clock.after(duration, resolve));
    if (this.#answering === 'failing') throw new Error('the database is away');
    const place = `${page} ${viewer}`;
    if (answer.call > (host.answers.get(place)?.call ?? 0)) host.answers.set(place, answer);
    return answer.allowed ? Number.POSITIVE_INFINITY : 0;
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

  #forbids(host: Process, page: number, viewer: Viewer): string | undefined {
    const answer = host.answers.get(`${page} ${viewer}`);
    if (answer === undefined) return `to ${viewer} before there was an answer`;
    if (!answer.allowed) return `to ${viewer} after a no`;
    if (answer.state < host.owed[viewer]) return `to ${viewer} by an answer from before the push`;
    return undefined;
  }

  /**
   * Looks, when the time is over, whether all streams of a viewer have ended who may look no more; unless the store has
   * lost data by then, beyond so many times, where streams are to learn of it by the store.
   */
  #expectEnd(viewer: Viewer, within: number, losses = Number.POSITIVE_INFINITY): void {
    const from = this.clock.now();
    const { state } = this.#permissions[viewer];
    this.clock.after(within, () => {
      const hadTrouble = (...kinds: Trouble['kind'][]) =>
        this.#troubles.some(({ kind, to }) => to >= from && kinds.includes(kind));
      if (this.#losses.length > losses || hadTrouble('store')) return;
      const now = this.#permissions[viewer];
      if (now.allowed || now.state !== state || hadTrouble('callbacks', 'answers')) return;
      for (const [index, { connection }] of this.clients.entries()) {
        if (connection === undefined || LOOKING[index] !== viewer) continue;
        this.#violations.push(
          `${viewer} may not look since ${from}: client ${index} still does at ${this.clock.now()}`,
        );
      }
    });
  }

  #promise(key: Key, state: number, sentAt: number): void {
    this.#promised[key] = Math.max(this.#promised[key], state);
    // The store may have lost it again before its answer was here.
    const mayBeLost = this.#losses.some((at) => at >= sentAt);
    const within = this.bound + (mayBeLost ? SPREAD : 0);
    this.#expect({ what: `all after state ${state} of ${key}`, within, states: { [key]: state } });
  }

  /** Looks, when the time is over, whether the pages show it whose streams were open and without trouble all the while. */
  #expect({ what, within, states, of = () => true, withoutStore = false }: Expectation): void {
    const from = this.clock.now();
    const wereOpen = new Set(this.clients.map(({ connection }) => connection));
    const look = (concerns: (client: number) => boolean) => {
      const isLost = this.#losses.some((at) => at > from || (at === from && within === this.bound));
      if (isLost && !withoutStore) return;
      this.#check(`${what} at ${this.clock.now()}`, states, (index, connection) => {
        if (!concerns(index) || !wereOpen.has(connection) || !of(connection)) return false;
        return !this.#hadTrouble(index, from, withoutStore);
      });
    };
    this.clock.after(within, () => look((client) => !needsPermission(client)));
    // It may be asked for at that very moment.
    this.clock.after(within + this.#answerTime, () => look(needsPermission));
  }

  #check(
    what: string,
    states: Partial<Record<Key, number>>,
    concerns: (client: number, connection: SimConnection) => boolean,
  ): void {
    for (const [index, { connection, shows }] of this.clients.entries()) {
      if (connection === undefined || !concerns(index, connection)) continue;
      for (const { name, keys } of this.#page(index)) {
        for (const key of keys) {
          const shown = shows.get(name)?.states[key] ?? -1;
          if (shown >= (states[key] ?? 0)) continue;
          this.#violations.push(
            `${what}: client ${index} shows ${shown} of ${key} in ${name}, not ${states[key]}`,
          );
        }
      }
    }
  }

  #endLag(client: number): void {
    const trouble = this.#lagging.get(client);
    if (trouble !== undefined) trouble.to = this.clock.now();
    this.#lagging.delete(client);
  }

  #trouble(kind: Trouble['kind'], concerns: Trouble['concerns'] = () => true): Trouble {
    const trouble = { kind, concerns, to: Number.POSITIVE_INFINITY };
    this.#troubles.push(trouble);
    return trouble;
  }

  #hadTrouble(client: number, since: number, withoutStore: boolean): boolean {
    return this.#troubles.some(({ kind, concerns, to }) => {
      return to >= since && concerns(client) && !(withoutStore && kind === 'store');
    });
  }
}

function needsPermission(client: number): boolean {
  return LOOKING[client] !== undefined;
}

/** Of the key that is pushed when it has changed what a viewer may see. */
function keyOf(viewer: Viewer): string {
  return `roles:${viewer}`;
}
