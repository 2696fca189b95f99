import type { IncomingMessage } from 'node:http';
import type { Request } from 'express';
import type { Route } from './engine.ts';
import { requireKeys } from './key.ts';
import { requireCount, requireFunction, requireKnown, requireMs, requireMsRange } from './option-checks.ts';
import { requireEventName } from './server-event.ts';

type Awaitable<T> = T | PromiseLike<T>;

/**
 * What `data` may give: a string, sent as it is, or anything that has JSON. `undefined`, a forgotten `return` and a
 * forgotten `await` do not compile; at run time `undefined` sends nothing and counts as shown.
 */
export type Sendable =
  | string
  | number
  | boolean
  | null
  | (object & { then?: never })
  // An object literal on the spot is checked for properties that `object` does not name.
  | { readonly [name: string]: unknown; readonly then?: never };

/** One call of `data`. */
export interface Run {
  /** Aborted after `dataTimeout`, and when nobody looks any more. */
  readonly signal: AbortSignal;
}

/** What a stream shows of its subject. `data` runs once for all streams with an equal subject and the same keys. */
export interface Feed<S, K extends string = string> {
  /** The event's type in the browser. @defaultValue 'message' */
  eventName?: string | undefined;
  /** What to watch: one key or 1 to 16 of them. Asked once, when a stream opens. */
  key: (subject: S) => Awaitable<K | readonly K[]>;
  /** What to send: the present state, read anew after a change of a key. */
  data: (subject: S, run: Run) => Awaitable<Sendable>;
}

/** What a stream shows to everybody alike: a key that is no function, and `data` that takes no argument. */
export interface SharedFeed<K extends string = string> {
  /** The event's type in the browser. @defaultValue 'message' */
  eventName?: string | undefined;
  /** What to watch: one key or 1 to 16 of them. */
  key: K | readonly K[];
  /** What to send: the present state, read anew after a change of a key, once for all streams of all subjects. */
  data: () => Awaitable<Sendable>;
}

interface Timing {
  /** Milliseconds after which a comment is sent when nothing else was. @defaultValue 15000 */
  heartbeat?: number | undefined;
  /** Range of milliseconds from which each client gets how long to wait before it reconnects. @defaultValue [2000, 5000] */
  retry?: readonly [number, number] | undefined;
  /** Least milliseconds between the end of one run of `data` and the next. @defaultValue 100 */
  throttle?: number | undefined;
  /** Reads `data` again at least so often, in milliseconds, for writes that no push tells of; 0 is off. @defaultValue 0 */
  resync?: number | undefined;
  /** Milliseconds after which a run of `data` is aborted and tried again. @defaultValue 10000 */
  dataTimeout?: number | undefined;
  /** Milliseconds after which a client that takes nothing is cut off. @defaultValue 30000 */
  writeTimeout?: number | undefined;
  /** Most milliseconds that a stream lives before its client is made to reconnect; 80 to 100 % of it. @defaultValue 1800000 */
  lifetime?: number | undefined;
  /** Streams of one subject on this route and process; over it the oldest ends. None on public streams. @defaultValue 10 */
  maxPerViewer?: number | undefined;
  /** Other origins whose pages may open the stream, such as 'https://app.example.org'; '*' on public streams only. @defaultValue [] */
  allowOrigins?: readonly string[] | '*' | undefined;
  /** Change it when `data` changed its form, so that clients that come back get a full frame. @defaultValue '' */
  revision?: string | undefined;
}

/** Falsy answers of `req.session.userId && { … }`: all mean 401. */
type Nobody = null | undefined | false | '';

interface Whose<S, R> {
  /**
   * What the stream is about, made of the request: a string, finite number, bigint, boolean, or a plain object or array
   * of these. Everything that `data` depends on passes through it. undefined, null, false and '' answer 401.
   */
  subject: (req: R) => Awaitable<S | Nobody>;
}

interface Public {
  subject?: undefined;
}

/** One feed, or 1 to 10 of them on one connection. */
type OneOrMany<F> =
  | (F & { feeds?: undefined })
  | { feeds: readonly F[]; eventName?: undefined; key?: undefined; data?: undefined };

export type StreamOptions<S, R = Request, K extends string = string> = Timing &
  ((Whose<S, R> & OneOrMany<Feed<S, K> | SharedFeed<K>>) | (Public & OneOrMany<SharedFeed<K>>));

/** The options as they are at run time, where no type tells one form from the other. */
interface LooseOptions extends Timing {
  subject?: ((req: IncomingMessage) => unknown) | undefined;
  feeds?: readonly LooseFeed[] | undefined;
}

interface LooseFeed {
  eventName?: string | undefined;
  key?: unknown;
  data?: unknown;
}

/** One feed as it was checked. */
export interface FeedPlan {
  readonly eventName: string | undefined;
  /** Keys that are the same for everybody, or what makes them of a subject. */
  readonly key: readonly string[] | ((subject: unknown) => unknown);
  readonly data: (subject?: unknown, run?: Run) => unknown;
}

/** What `streamSse` was told, checked and complete. */
export interface StreamPlan {
  readonly route: Omit<Route, 'number'>;
  /** undefined on a public stream. */
  readonly subject: ((req: IncomingMessage) => unknown) | undefined;
  readonly feeds: readonly FeedPlan[];
  readonly allowOrigins: readonly string[] | '*';
}

const FEED_OPTIONS = ['eventName', 'key', 'data'];
const OPTIONS = [
  'subject',
  ...FEED_OPTIONS,
  'feeds',
  'heartbeat',
  'retry',
  'throttle',
  'resync',
  'dataTimeout',
  'writeTimeout',
  'lifetime',
  'maxPerViewer',
  'allowOrigins',
  'revision',
];
const MAX_FEEDS = 10;

/** @throws TypeError for an option that does not exist or cannot be meant. */
export function requireStreamOptions(options: object): StreamPlan {
  requireKnown('streamSse', options, OPTIONS);
  const {
    subject,
    heartbeat = 15_000,
    retry = [2000, 5000],
    throttle = 100,
    resync = 0,
    dataTimeout = 10_000,
    writeTimeout = 30_000,
    lifetime = 1_800_000,
    maxPerViewer = 10,
    allowOrigins = [],
    revision = '',
  } = options as LooseOptions;
  if (subject !== undefined) requireFunction('subject', subject, '(req) => req.session.userId');
  if (typeof revision !== 'string') throw new TypeError(`revision must be a string, got ${typeof revision}`);
  return {
    route: {
      heartbeat: requireMs('heartbeat', heartbeat),
      retry: requireMsRange('retry', retry),
      throttle: requireMs('throttle', throttle, 0),
      resync: requireMs('resync', resync, 0),
      dataTimeout: requireMs('dataTimeout', dataTimeout),
      writeTimeout: requireMs('writeTimeout', writeTimeout),
      lifetime: requireMs('lifetime', lifetime),
      maxPerViewer: requireCount('maxPerViewer', maxPerViewer),
      revision,
    },
    subject,
    feeds: requireFeeds(options, subject === undefined),
    allowOrigins: requireOrigins(allowOrigins, subject === undefined),
  };
}

function requireFeeds(options: LooseOptions & LooseFeed, isPublic: boolean): readonly FeedPlan[] {
  const { feeds } = options;
  if (feeds === undefined) return [requireFeed(options, isPublic)];
  if (FEED_OPTIONS.some((name) => name in options)) {
    throw new TypeError('streamSse takes either feeds, or eventName, key and data, not both');
  }
  if (!Array.isArray(feeds) || feeds.length === 0 || feeds.length > MAX_FEEDS) {
    throw new TypeError(`feeds must be an array of 1 to ${MAX_FEEDS} of { eventName, key, data }`);
  }
  return feeds.map((feed: LooseFeed) => {
    requireKnown('a feed', feed, FEED_OPTIONS);
    return requireFeed(feed, isPublic);
  });
}

function requireFeed({ eventName, key, data }: LooseFeed, isPublic: boolean): FeedPlan {
  if (key === undefined) {
    throw new TypeError(
      "key is missing: say what to watch, as in key: 'ticker' or key: (userId) => toKey(userId)",
    );
  }
  if (typeof key === 'function' && isPublic) {
    throw new TypeError(
      'key is a function, so subject is missing: say what the stream is about, or give a plain key',
    );
  }
  return {
    eventName: eventName === undefined ? undefined : requireEventName(eventName),
    key: typeof key === 'function' ? (key as (subject: unknown) => unknown) : requireKeys(key),
    data: requireFunction('data', data as FeedPlan['data'], '(subject) => what to send'),
  };
}

function requireOrigins(allowOrigins: unknown, isPublic: boolean): readonly string[] | '*' {
  if (allowOrigins === '*') {
    if (isPublic) return '*';
    throw new TypeError("allowOrigins: '*' would show any site what is meant for one user: list the origins");
  }
  if (!Array.isArray(allowOrigins)) throw new TypeError("allowOrigins must be an array of origins, or '*'");
  for (const origin of allowOrigins) {
    if (typeof origin !== 'string' || !URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new TypeError(
        `allowOrigins: ${JSON.stringify(origin)} is no origin such as 'https://app.example.org'`,
      );
    }
  }
  return allowOrigins;
}
