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

/** What any stream can be told of its connections. */
export interface ConnectionSettings {
  /** Milliseconds after which a comment is sent when nothing else was. @defaultValue 15000 */
  heartbeat?: number | undefined;
  /** Range of milliseconds from which each client gets how long to wait before it reconnects. @defaultValue [2000, 5000] */
  retry?: readonly [number, number] | undefined;
  /** Milliseconds after which a client that takes nothing is cut off. @defaultValue 30000 */
  writeTimeout?: number | undefined;
  /** Most milliseconds that a stream lives before its client is made to reconnect; 80 to 100 % of it. @defaultValue 1800000 */
  lifetime?: number | undefined;
  /** Other origins whose pages may open the stream, such as 'https://app.example.org'; '*' on public streams only. @defaultValue [] */
  allowOrigins?: readonly string[] | '*' | undefined;
}

export interface StreamSettings extends ConnectionSettings {
  /** Least milliseconds between the end of one run of `data` and the next. @defaultValue 100 */
  throttle?: number | undefined;
  /** Reads `data` again at least so often, in milliseconds, for writes that no push tells of; 0 is off. @defaultValue 0 */
  resync?: number | undefined;
  /** Milliseconds after which a run of `data` is aborted and tried again. @defaultValue 10000 */
  dataTimeout?: number | undefined;
  /** Streams of one viewer, or of one subject without `viewer`, on this route and process; over it the oldest ends. None on public streams. @defaultValue 10 */
  maxPerViewer?: number | undefined;
  /** Change it when `data` changed its form, so that clients that come back get a full frame. @defaultValue '' */
  revision?: string | undefined;
}

/** Falsy answers of `req.session.userId && { … }`: all mean 401. */
type Nobody = null | undefined | false | '';

interface Whose<S, R, U, K extends string> {
  /**
   * What the stream is about, made of the request: a string, finite number, bigint, boolean, or a plain object or array
   * of these. Everything that `data` depends on passes through it. undefined, null, false and '' answer 401.
   */
  subject: (req: R) => Awaitable<S | Nobody>;
  /**
   * Who looks, made of the request: what a subject can be. `data` never sees it, so streams of several viewers share a
   * run. undefined, null, false and '' answer 401.
   */
  viewer?: ((req: R) => Awaitable<U | Nobody>) | undefined;
  /**
   * Whether the viewer may see the subject. Asked when a stream opens, where false answers 403, when a key of
   * `authorizeKey` was pushed, and at least every `authorizeEvery`; once for all streams of an equal subject and viewer.
   * False ends their streams. While it fails or is silent for `dataTimeout`, nothing but heartbeats is sent.
   */
  authorize?: ((subject: S, viewer: U) => Awaitable<boolean>) | undefined;
  /** What may change the answer of `authorize`: one key or 1 to 16 of them. Asked once, when a stream opens. */
  authorizeKey?: ((subject: S, viewer: U) => Awaitable<K | readonly K[]>) | undefined;
  /** Milliseconds for which an answer of `authorize` stands at most. @defaultValue 60000, and the `lifetime` with `authorizeKey` */
  authorizeEvery?: number | undefined;
  /**
   * When the stream has to end: a Date, milliseconds since 1970, or null or undefined for never. Asked together with
   * `authorize`, or without it when a stream opens and at least every `lifetime`. A time that has passed answers 403.
   */
  expiresAt?: ((subject: S, viewer: U) => Awaitable<Date | number | null | undefined>) | undefined;
}

interface Public {
  subject?: undefined;
  viewer?: undefined;
  authorize?: undefined;
  authorizeKey?: undefined;
  authorizeEvery?: undefined;
  expiresAt?: undefined;
}

/** One feed, or 1 to 10 of them on one connection, each with an `eventName` of its own. */
type OneOrMany<F> =
  | (F & { feeds?: undefined })
  | { feeds: readonly F[]; eventName?: undefined; key?: undefined; data?: undefined };

/** `S` is the subject, `R` the request, which each server has in another form, `U` the viewer, `K` the keys. */
export type StreamOptions<S, R, U = undefined, K extends string = string> = StreamSettings &
  ((Whose<S, R, U, K> & OneOrMany<Feed<S, K> | SharedFeed<K>>) | (Public & OneOrMany<SharedFeed<K>>));
