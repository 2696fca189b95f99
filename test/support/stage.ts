import type { Applicant, Verdict } from '../../src/applicant.ts';
import type { Sink, SinkClient, Timing } from '../../src/connection.ts';
import { Engine, type EngineOptions, type Route } from '../../src/engine.ts';
import type { SseTriggerError } from '../../src/errors.ts';
import type { FeedConnection } from '../../src/feed-connection.ts';
import type { ServerEvent } from '../../src/server-event.ts';
import { toSubject } from '../../src/subject.ts';
import { Viewers } from '../../src/viewers.ts';
import { Random } from '../simulation/random.ts';
import { SimServer } from '../simulation/server.ts';
import { SimStore } from '../simulation/store.ts';
import { VirtualClock } from './virtual-clock.ts';

/** What a viewer asks for; one feed unless there are `feeds`. */
export interface Visit extends Partial<Omit<Route, 'number' | 'viewers'>> {
  readonly keys?: readonly string[] | undefined;
  readonly subject?: unknown;
  readonly data?: ((signal: AbortSignal) => unknown) | undefined;
  readonly feeds?:
    | readonly { readonly keys: readonly string[]; readonly data: (signal: AbortSignal) => unknown }[]
    | undefined;
  readonly lastEventId?: string | undefined;
  /** Among whose streams it counts. */
  readonly viewer?: string | undefined;
  /** Whose permission the stream needs. */
  readonly applicant?: Applicant | undefined;
  /** Set for a viewer who takes nothing from the beginning. */
  readonly stuck?: boolean | undefined;
}

/** What somebody asks for who needs a permission. */
export interface Application extends Visit {
  /** What the application says: yes, no, or for how many milliseconds yes. */
  readonly authorize: () => boolean | number | Promise<boolean | number>;
  readonly authorizeKeys?: readonly string[] | undefined;
  readonly authorizeEvery?: number | undefined;
  /** Who looks. */
  readonly who?: unknown;
}

/** Somebody who needs a permission. */
export interface Visitor {
  readonly applicant: Applicant;
  verdict: Verdict | undefined;
  /** Once the stream is open. */
  viewer: Viewer | undefined;
  /** Goes before that. */
  leave(): void;
}

const TIMING: Timing = {
  heartbeat: 15_000,
  retry: [2000, 5000],
  writeTimeout: 30_000,
  lifetime: 1_800_000,
};

const ROUTE: Omit<Route, 'number' | 'viewers'> = {
  ...TIMING,
  throttle: 100,
  resync: 0,
  dataTimeout: 10_000,
  maxPerViewer: 10,
  revision: '',
};

/** A real engine in virtual time, over a store that answers at once unless it is told otherwise. */
export class Stage {
  readonly clock: VirtualClock;
  readonly server: SimServer;
  readonly store: SimStore;
  readonly engine: Engine;
  readonly errors: SseTriggerError[] = [];
  readonly viewers = new Viewers<FeedConnection>();
  /** What sources threw. */
  readonly thrown: unknown[] = [];
  /** How often `data` was called, by those visits that bring none of their own. */
  runs = 0;

  /** `other` is another process with the same store, or what it has in common with this one. */
  constructor(options: Partial<EngineOptions> = {}, other?: Pick<Stage, 'clock' | 'server'>) {
    const random = new Random(1);
    this.clock = other?.clock ?? new VirtualClock();
    this.server = other?.server ?? new SimServer(this.clock, random, { lost: 0, doubled: 0, latest: 0 });
    this.store = new SimStore(this.server, this.clock, random, 0);
    const name = other === undefined ? 'token' : 'other';
    let tokens = 0;
    this.engine = new Engine({
      store: this.store,
      clock: this.clock,
      random: random.next,
      newToken: () => {
        tokens += 1;
        return `${name}${tokens}`;
      },
      poll: 2000,
      pollAtOnce: 2000,
      storeTimeout: 1000,
      maxRuns: 32,
      maxStreams: Number.POSITIVE_INFINITY,
      maxUnsent: 65_536,
      onError: (error) => this.errors.push(error),
      ...options,
    });
  }

  open({
    keys = ['key'],
    subject = 'somebody',
    data,
    feeds,
    lastEventId,
    viewer: whose,
    applicant,
    stuck,
    ...route
  }: Visit = {}): Viewer {
    const viewer = new Viewer(this.clock);
    viewer.isStuck = stuck ?? false;
    const count = () => {
      this.runs += 1;
      return this.runs;
    };
    this.engine.open({
      route: { ...ROUTE, ...route, number: 1, viewers: this.viewers },
      sink: viewer,
      feeds: (feeds ?? [{ keys, data: data ?? count }]).map(({ keys, data }) => ({
        keys,
        source: { eventName: undefined, data: (_: unknown, { signal }) => data(signal) },
        subject: toSubject(subject),
      })),
      viewer: whose,
      applicant,
      lastEventId,
      path: '/stream',
    });
    return viewer;
  }

  /** Opens a stream as soon as it was asked for, unless it was refused. */
  apply({
    authorize,
    authorizeKeys = [],
    authorizeEvery = 60_000,
    who = 'alice',
    ...visit
  }: Application): Visitor {
    const { subject = 'somebody', dataTimeout = ROUTE.dataTimeout } = visit;
    const ask = async () => {
      const answer = await authorize();
      return typeof answer === 'number' ? answer : answer ? Number.POSITIVE_INFINITY : 0;
    };
    const rule = { ask, authorizeEvery, dataTimeout };
    const keys = [...authorizeKeys];
    const request = { rule, keys, subject: toSubject(subject)!, viewer: toSubject(who) };
    const applicant = this.engine.apply(1, request, '/stream');
    let isGone = false;
    const visitor: Visitor = {
      applicant,
      verdict: undefined,
      viewer: undefined,
      leave() {
        isGone = true;
        applicant.leave();
      },
    };
    void applicant.verdict.then((verdict) => {
      if (isGone) return;
      visitor.verdict = verdict;
      if (verdict.is !== 'refused') visitor.viewer = this.open({ ...visit, applicant });
      applicant.leave();
    });
    return visitor;
  }

  /** A viewer of a stream that a source feeds; `over` resolves when that is over. */
  openSource(
    source: (signal: AbortSignal) => AsyncIterable<ServerEvent>,
    timing: Partial<Timing> = {},
    write?: () => boolean,
  ): { viewer: Viewer; over: Promise<void> } {
    const viewer = new Viewer(this.clock);
    if (write !== undefined) viewer.write = write;
    const onError = (error: unknown) => void this.thrown.push(error);
    const over = this.engine.openSource({
      path: '/source',
      timing: { ...TIMING, ...timing },
      sink: viewer,
      source,
      onError,
    });
    return { viewer, over };
  }

  /** Pushes, and lets happen what happens without time passing. */
  async push(...keys: string[]): Promise<boolean> {
    const stored = this.engine.push(keys);
    await this.clock.advance(0);
    return stored;
  }

  /** Another program writes a version, and wakes nobody. */
  writeElsewhere(key = 'key'): void {
    this.server.set(key, `elsewhere at ${this.clock.now()}`);
  }
}

/** A client of the stage, with all that it was ever sent. */
export class Viewer implements Sink {
  readonly writes: { readonly at: number; readonly bytes: Buffer }[] = [];
  isStuck = false;
  /** Set for a viewer whose connection does not close when the stream has ended. */
  keepsOpen = false;
  ended: 'ended' | 'destroyed' | undefined;
  readonly #clock: VirtualClock;
  #client!: SinkClient;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  write(bytes: Buffer): boolean {
    this.writes.push({ at: this.#clock.now(), bytes });
    return !this.isStuck;
  }

  end(): void {
    this.ended = 'ended';
    if (!this.keepsOpen) this.#client.closed();
  }

  destroy(): void {
    this.ended = 'destroyed';
    this.#client.closed();
  }

  attach(client: SinkClient): void {
    this.#client = client;
  }

  leave(): void {
    this.#client.closed();
  }

  /** Has taken what it was sent. */
  drain(): void {
    this.#client.drained();
  }

  get text(): string {
    return this.writes.map(({ bytes }) => bytes.toString()).join('');
  }

  /** The texts that it was sent. */
  get texts(): string[] {
    return this.#values('data');
  }

  /** What `data` gave, as far as it was sent as JSON. */
  get shown(): unknown[] {
    return this.texts.map((json) => JSON.parse(json));
  }

  get ids(): string[] {
    return this.#values('id');
  }

  #values(field: string): string[] {
    return [...this.text.matchAll(new RegExp(`^${field}: (.*)$`, 'gm'))].map(([, value = '']) => value);
  }

  /** When heartbeats came. */
  get heartbeats(): number[] {
    return this.writes.filter(({ bytes }) => bytes.toString() === ':\n\n').map(({ at }) => at);
  }
}
