import { CONNECTION_OPTIONS, toConnectionPlan } from './connection-plan.ts';
import type { Route } from './engine.ts';
import type { FeedSource } from './feed.ts';
import { GUARD_OPTIONS, type GuardPlan, requireGuard } from './guard-plan.ts';
import { requireKeys } from './key.ts';
import { requireCount, requireFunction, requireKnown, requireMs, requireString } from './option-checks.ts';
import { requireEventName } from './server-event.ts';
import type { StreamSettings } from './stream-options.ts';

/** The options as they are at run time, where no type tells one form from the other. */
interface LooseOptions extends StreamSettings {
  subject?: ((request: unknown) => unknown) | undefined;
  viewer?: ((request: unknown) => unknown) | undefined;
  feeds?: readonly LooseFeed[] | undefined;
}

interface LooseFeed {
  eventName?: string | undefined;
  key?: unknown;
  data?: unknown;
}

/** One feed as it was checked. */
export interface FeedPlan extends FeedSource {
  /** Keys that are the same for everybody, or what makes them of a subject. */
  readonly key: readonly string[] | ((subject: unknown) => unknown);
}

/** What a route was told, checked and complete. */
export interface StreamPlan {
  readonly route: Omit<Route, 'number' | 'viewers'>;
  /** undefined on a public stream. */
  readonly subject: ((request: unknown) => unknown) | undefined;
  /** undefined where nobody is asked for. */
  readonly viewer: ((request: unknown) => unknown) | undefined;
  /** undefined where all who have a subject may see it. */
  readonly guard: GuardPlan | undefined;
  readonly feeds: readonly FeedPlan[];
  readonly allowOrigins: readonly string[] | '*';
}

const FEED_OPTIONS = ['eventName', 'key', 'data'];
const OPTIONS = [
  'subject',
  'viewer',
  ...GUARD_OPTIONS,
  ...FEED_OPTIONS,
  'feeds',
  ...CONNECTION_OPTIONS,
  'throttle',
  'resync',
  'dataTimeout',
  'maxPerViewer',
  'revision',
];
const MAX_FEEDS = 10;

/**
 * `caller` is what errors call the function that takes the options.
 *
 * @throws TypeError for an option that does not exist or cannot be meant.
 */
export function toStreamPlan(options: object, caller: string): StreamPlan {
  requireKnown(caller, options, OPTIONS);
  const {
    subject,
    viewer,
    throttle = 100,
    resync = 0,
    dataTimeout = 10_000,
    maxPerViewer = 10,
    revision = '',
  } = options as LooseOptions;
  if (subject !== undefined) requireFunction('subject', subject, '(req) => req.session.userId');
  if (viewer !== undefined) requireFunction('viewer', viewer, '(req) => req.session.userId');
  if (subject === undefined) requireNoneOf(['viewer', ...GUARD_OPTIONS], options);
  const { timing, allowOrigins } = toConnectionPlan(options, subject === undefined);
  const timeout = requireMs('dataTimeout', dataTimeout);
  return {
    route: {
      ...timing,
      throttle: requireMs('throttle', throttle, 0),
      resync: requireMs('resync', resync, 0),
      dataTimeout: timeout,
      maxPerViewer: requireCount('maxPerViewer', maxPerViewer),
      revision: requireString('revision', revision),
    },
    subject,
    viewer,
    guard: requireGuard(options, { dataTimeout: timeout, lifetime: timing.lifetime }),
    feeds: requireFeeds(options, subject === undefined),
    allowOrigins,
  };
}

/** They are about a subject. */
function requireNoneOf(names: readonly string[], options: object): void {
  const name = names.find((name) => Reflect.get(options, name) !== undefined);
  if (name === undefined) return;
  throw new TypeError(
    `${name} is given, so subject is missing: say what the stream is about, as in subject: (req) => req.params.id`,
  );
}

function requireFeeds(options: LooseOptions & LooseFeed, isPublic: boolean): readonly FeedPlan[] {
  const { feeds } = options;
  if (feeds === undefined) return [requireFeed(options, isPublic)];
  if (options.eventName !== undefined || options.key !== undefined || options.data !== undefined) {
    throw new TypeError('a stream takes either feeds, or eventName, key and data, not both');
  }
  if (!Array.isArray(feeds) || feeds.length === 0 || feeds.length > MAX_FEEDS) {
    throw new TypeError(`feeds must be an array of 1 to ${MAX_FEEDS} of { eventName, key, data }`);
  }
  const plans = feeds.map((feed: LooseFeed) => {
    requireKnown('a feed', feed, FEED_OPTIONS);
    return requireFeed(feed, isPublic);
  });
  requireDifferentNames(plans);
  return plans;
}

function requireDifferentNames(plans: readonly FeedPlan[]): void {
  const names = plans.map(({ eventName = 'message' }) => eventName);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new TypeError(
    `two feeds are called ${JSON.stringify(twice)} and would arrive as one event: give each an eventName of its own`,
  );
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
  const read = requireFunction('data', data as FeedPlan['data'], '(subject) => what to send');
  const name = eventName === undefined ? undefined : requireEventName(eventName);
  if (typeof key === 'function') {
    return { eventName: name, key: key as (subject: unknown) => unknown, data: read };
  }
  // The same for everybody, so it gets nothing, as its type says.
  const readForAll = read as () => unknown;
  return { eventName: name, key: requireKeys(key), data: () => readForAll() };
}
