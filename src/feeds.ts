import { Feed, type FeedContext, type FeedTiming } from './feed.ts';
import type { Subject } from './subject.ts';

/** What all feeds of one `streamSse` have in common. */
export interface FeedRoute extends FeedTiming {
  /** Tells routes of one trigger apart, and is the same in every process that mounts the same routes. */
  readonly number: number;
  readonly revision: string;
}

/** One feed of a stream that is to be opened. */
export interface FeedRequest {
  readonly keys: readonly string[];
  readonly eventName: string | undefined;
  /** The subject that results depend on; undefined when they are the same for all. */
  readonly subject: Subject | undefined;
  readonly data: (signal: AbortSignal) => unknown;
}

/** All feeds that somebody looks at: one a route, subject and keys. */
export class Feeds {
  readonly #context: FeedContext;
  readonly #feeds = new Map<string, Feed>();

  constructor(context: FeedContext) {
    this.#context = context;
  }

  /** The feed that a request means, which is made when nobody looks at it yet. `path` is for errors. */
  get(route: FeedRoute, index: number, request: FeedRequest, path: string): Feed {
    const { keys, eventName, subject, data } = request;
    const identity = [route.number, index, keys, subject?.text ?? ''];
    const name = JSON.stringify(identity);
    const known = this.#feeds.get(name);
    if (known !== undefined) return known;
    const feed = new Feed(this.#context, {
      ...route,
      keys,
      eventName,
      data,
      identity: [...identity, eventName ?? '', route.revision],
      route: path,
      onEmpty: () => this.#feeds.delete(name),
    });
    this.#feeds.set(name, feed);
    return feed;
  }
}
