import { Feed, type FeedContext, type FeedSettings, type FeedSource } from './feed.ts';
import type { Subject } from './subject.ts';

/** What all feeds of one `streamSse` have in common. */
export interface FeedRoute extends FeedSettings {
  /** Tells routes of one trigger apart, and is the same in every process that mounts the same routes. */
  readonly number: number;
}

/** One feed of a stream that is to be opened. */
export interface FeedRequest {
  readonly source: FeedSource;
  readonly keys: readonly string[];
  /** The subject that results depend on; undefined when they are the same for all. */
  readonly subject: Subject | undefined;
}

/** All feeds that somebody looks at: one a route, subject and keys. */
export class Feeds {
  readonly #context: FeedContext;
  readonly #feeds = new Map<string, Feed>();

  constructor(context: Omit<FeedContext, 'onEmpty'>) {
    this.#context = { ...context, onEmpty: (feed) => this.#feeds.delete(feed.name) };
  }

  /** The feeds that a request means, which are made when nobody looks at them yet. `path` is for errors. */
  get(route: FeedRoute, requests: readonly FeedRequest[], path: string): readonly Feed[] {
    const isAlone = requests.length === 1;
    return requests.map(({ source, keys, subject }, index) => {
      const name = JSON.stringify([route.number, index, keys, subject?.text ?? '']);
      const known = this.#feeds.get(name);
      if (known !== undefined) return known;
      const feed = new Feed(this.#context, { route, source, keys, subject, name, isAlone, path });
      this.#feeds.set(name, feed);
      return feed;
    });
  }
}
