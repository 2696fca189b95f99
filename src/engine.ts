import { AsyncResource } from 'node:async_hooks';
import type { Applicant } from './applicant.ts';
import type { Connection, ConnectionContext, Sink, Timing } from './connection.ts';
import { withDeadline } from './deadline.ts';
import { type CloseMessage, diagnostics, type OpenMessage, type PushMessage } from './diagnostics.ts';
import type { SseTriggerError } from './errors.ts';
import { FeedConnection, type ViewedRoute } from './feed-connection.ts';
import { type FeedRequest, type FeedRoute, Feeds } from './feeds.ts';
import { Gate } from './gate.ts';
import { GuardedConnection } from './guarded-connection.ts';
import { Heartbeats } from './heartbeats.ts';
import { Outbox } from './outbox.ts';
import { type PermissionRequest, Permissions } from './permissions.ts';
import { Poller, type PollerOptions } from './poller.ts';
import { splitPositions } from './position.ts';
import { LATER, pick, type Range } from './retry.ts';
import { EVERYTHING, plainKey, sharedKey } from './shared-key.ts';
import { type EventsUntil, SourceConnection } from './source-connection.ts';
import { type CloseReason, newCounters, type Refusal, type Stats, type StoreError } from './stats.ts';
import { Turnstile } from './turnstile.ts';

export interface EngineOptions extends Omit<PollerOptions, 'counters' | 'onAnswer'> {
  readonly maxRuns: number;
  readonly maxStreams: number;
  readonly maxUnsent: number;
}

/** What all streams of one `streamSse` have in common. */
export interface Route extends FeedRoute, ViewedRoute {
  readonly maxPerViewer: number;
}

export interface StreamRequest {
  readonly route: Route;
  readonly sink: Sink;
  readonly feeds: readonly FeedRequest[];
  /** Who has no more than `maxPerViewer` streams; undefined for everybody. */
  readonly viewer: string | undefined;
  /** Whose permission the stream needs; undefined where it needs none. */
  readonly applicant: Applicant | undefined;
  /** As the client sent it. */
  readonly lastEventId: unknown;
  /** The path, for errors. */
  readonly path: string;
}

export interface SourceRequest {
  readonly path: string;
  readonly timing: Timing;
  readonly sink: Sink;
  readonly source: EventsUntil;
  /** Gets what the source throws. */
  readonly onError: (error: unknown) => void;
}

/** A COMMIT whose answer was lost may still be landing for so long. */
const PUSH_AGAIN_AFTER = 5000;

/** What all streams of a trigger share. Nobody listening means that nothing runs. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #counters = newCounters();
  readonly #connectionContext: ConnectionContext;
  readonly #gate: Gate;
  readonly #turnstile: Turnstile;
  readonly #poller: Poller;
  readonly #outbox: Outbox;
  readonly #feeds: Feeds;
  readonly #permissions: Permissions;
  readonly #connections = new Set<Connection>();
  /** Sources that have not come to their end, each until then. */
  readonly #sources = new Set<Promise<void>>();
  /** Keys that are to be pushed again, with what stops that. */
  readonly #pushAgain = new Map<readonly string[], () => void>();
  /** Work done for all runs outside the async context of any request or unit of work. */
  readonly #context = new AsyncResource('SseTrigger');
  #storeError: StoreError | undefined;
  #routes = 0;
  #draining = false;
  /** Called when the last stream has ended. */
  readonly #onIdle: (() => void)[] = [];
  #closing: Promise<void> | undefined;

  constructor(options: EngineOptions) {
    const counters = this.#counters;
    this.#options = options;
    this.#connectionContext = {
      clock: options.clock,
      random: options.random,
      heartbeats: new Heartbeats(options.clock),
      counters,
      onEnd: (connection, reason) => this.#forget(connection, reason),
    };
    this.#gate = new Gate(options.maxRuns);
    this.#turnstile = new Turnstile(options.clock);
    const onError = (error: SseTriggerError) => this.#onStoreError(error);
    this.#poller = new Poller({ ...options, counters, onError, onAnswer: () => this.#outbox.retry() });
    const shared = { ...options, counters, gate: this.#gate, poller: this.#poller };
    this.#feeds = new Feeds(shared);
    this.#permissions = new Permissions(shared);
    const { versions } = this.#poller;
    this.#outbox = new Outbox({
      ...options,
      onError,
      mark: () => versions.mark(),
      onStored: (tokens, began) => versions.acknowledge(tokens, began),
      onDoubt: (pushed) => versions.doubt(pushed),
    });
  }

  get onError(): (error: SseTriggerError) => void {
    return this.#options.onError;
  }

  #onStoreError(error: SseTriggerError): void {
    const { code, message, cause } = error;
    const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
    this.#storeError = { code, message: reason, at: Date.now() };
    this.onError(error);
  }

  /** Numbers the routes of a trigger in the order in which they are made. */
  nextRoute(): number {
    this.#routes += 1;
    return this.#routes;
  }

  stats(): Stats {
    const { refused, closed, ...counters } = this.#counters;
    const keys = this.#poller.versions.size;
    const { unsent } = this.#outbox;
    return {
      ...counters,
      refused: { ...refused },
      closed: { ...closed },
      streams: this.#connections.size,
      keys,
      unsent,
      // Without keys nothing is read, and only pushes meet the store.
      storeDown: this.#poller.down || (keys === 0 && unsent > 0),
      storeError: this.#storeError,
    };
  }

  /** Counts a request that does not become a stream. */
  countRefused(why: Refusal): void {
    this.#counters.refused[why] += 1;
  }

  pick(range: Range): number {
    return pick(range, this.#options.random);
  }

  /** Never rejects. */
  push(keys: readonly string[]): Promise<boolean> {
    return this.#context.runInAsyncScope(() => this.#push(keys));
  }

  /**
   * The same for a change that other processes hear of, too, and push with the same `version`: together they make one look in
   * each. See `share`.
   */
  pushShared(key: string, version: string): Promise<boolean> {
    this.#poller.versions.expect(version);
    return this.#context.runInAsyncScope(() => this.#push([sharedKey(key)], version));
  }

  #push(keys: readonly string[], version?: string): Promise<boolean> {
    const stored = this.#send(keys, version);
    // There is no answer to wait for before the streams of this process look.
    if (this.#poller.down && this.#closing === undefined) {
      const { versions } = this.#poller;
      const now = versions.mark();
      versions.doubt(new Map(keys.map((key) => [key, now])));
    }
    return stored;
  }

  /**
   * From now on this process hears of changes as others do, and its streams also look when one of them says that any key may
   * have changed: by a push of EVERYTHING, upon which they look within some seconds, and no position from before stands.
   */
  share(): void {
    this.#poller.versions.share(this.#options.clock.now());
  }

  /** The version of EVERYTHING that the store has now; undefined when it cannot be read. Never rejects. */
  async everything(): Promise<string | undefined> {
    if (this.#closing !== undefined) return undefined;
    const { versions } = this.#poller;
    const watcher = { keys: [EVERYTHING], changed: () => {} };
    this.#poller.watch(watcher);
    const asked = versions.mark();
    await this.#poller.refresh(watcher.keys);
    const version = versions.isKnownSince(watcher.keys, asked) ? versions.tokenOf(EVERYTHING) : undefined;
    this.#poller.unwatch(watcher);
    return version;
  }

  /** Whether the store takes what this process hears of, and has taken what it heard before. */
  get tellsAll(): boolean {
    return this.#closing === undefined && this.#outbox.unsent === 0;
  }

  #send(keys: readonly string[], version?: string): Promise<boolean> {
    const stored = this.#outbox.push(keys, version);
    if (diagnostics.push.hasSubscribers) void this.#publishPush(keys, stored);
    return stored;
  }

  async #publishPush(keys: readonly string[], outcome: Promise<boolean>): Promise<void> {
    const { clock } = this.#options;
    const began = clock.now();
    const stored = await outcome;
    const durationMs = clock.now() - began;
    diagnostics.push.publish({ keys: keys.map(plainKey), stored, durationMs } satisfies PushMessage);
  }

  /** Pushes once more a little later, or when the trigger is closed. */
  pushAgain(keys: readonly string[]): void {
    this.#context.runInAsyncScope(() => {
      const stop = this.#options.clock.after(PUSH_AGAIN_AFTER, () => {
        this.#pushAgain.delete(keys);
        void this.push(keys);
      });
      this.#pushAgain.set(keys, stop);
    });
  }

  /** Resolves when the next stream may be opened: a crowd that comes at once is let in a few at a time. */
  turn(): Promise<void> {
    return this.#context.runInAsyncScope(() => this.#turnstile.pass());
  }

  /** Why no stream may be opened now, if so. */
  get refuses(): 'full' | 'draining' | undefined {
    if (this.#draining) return 'draining';
    return this.#connections.size >= this.#options.maxStreams ? 'full' : undefined;
  }

  /** Asks for somebody who wants to open a stream, and who has to leave in the end, whether or not it was opened. */
  apply(route: number, request: PermissionRequest, path: string): Applicant {
    return this.#context.runInAsyncScope(() => this.#permissions.apply(route, request, path));
  }

  open(request: StreamRequest): void {
    this.#context.runInAsyncScope(() => this.#open(request));
  }

  #open({ route, sink, feeds: requests, viewer, applicant, lastEventId, path }: StreamRequest): void {
    if (viewer !== undefined) {
      for (const oldest of route.viewers.inExcess(viewer, route.maxPerViewer)) oldest.end('replaced', LATER);
    }
    const feeds = this.#feeds.get(route, requests, path);
    const positions = splitPositions(lastEventId, feeds.length);
    const options = { route, viewer, feeds, path, positions };
    const connection =
      applicant === undefined
        ? new FeedConnection(sink, this.#connectionContext, options)
        : new GuardedConnection(sink, this.#connectionContext, options, applicant);
    this.#connections.add(connection);
    if (viewer !== undefined) route.viewers.add(viewer, connection);
    for (const [index, feed] of feeds.entries()) void feed.join(connection.slots[index]!);
    publishOpen(connection);
    connection.start();
  }

  /**
   * Opens a stream that watches nothing. Its source runs in the async context of the caller. Never rejects; resolves when
   * the source is over.
   */
  async openSource({ path, timing, sink, source, onError }: SourceRequest): Promise<void> {
    const connection = this.#context.runInAsyncScope(() => {
      const connection = new SourceConnection(sink, this.#connectionContext, timing, path);
      this.#connections.add(connection);
      publishOpen(connection);
      connection.start();
      return connection;
    });
    const over = connection.send(source, onError);
    this.#sources.add(over);
    await over;
    this.#sources.delete(over);
  }

  #forget(connection: Connection, reason: CloseReason): void {
    this.#counters.closed[reason] += 1;
    if (diagnostics.close.hasSubscribers) {
      const durationMs = this.#options.clock.now() - connection.openedAt;
      diagnostics.close.publish({ route: connection.path, reason, durationMs } satisfies CloseMessage);
    }
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    for (const idle of this.#onIdle.splice(0)) idle();
  }

  /** Takes no more streams, and ends those that are open one by one over `ms`. */
  async drain(ms: number): Promise<void> {
    const { clock, random } = this.#options;
    this.#draining = true;
    const open = [...this.#connections];
    if (open.length === 0) return;
    const idle = new Promise<void>((resolve) => this.#onIdle.push(resolve));
    const stops = open.map((connection, index) => {
      const delay = (ms * (index + random())) / open.length;
      return clock.after(delay, () => connection.end('drain'), { hold: true });
    });
    await idle;
    for (const stop of stops) stop();
  }

  /** They may hold what the application closes next, but one that does not end keeps nobody. */
  async #untilSourcesEnd(): Promise<void> {
    const { clock, storeTimeout } = this.#options;
    await withDeadline(clock, storeTimeout, () => Promise.all(this.#sources), { hold: true }).catch(() => {});
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.drain(0);
    for (const [keys, stop] of this.#pushAgain) {
      stop();
      void this.#send(keys);
    }
    this.#pushAgain.clear();
    await this.#outbox.close();
    await this.#untilSourcesEnd();
    await this.#options.store.close?.();
  }
}

function publishOpen({ path }: Connection): void {
  if (diagnostics.open.hasSubscribers) diagnostics.open.publish({ route: path } satisfies OpenMessage);
}
