import type { FeedRequest } from '../../src/feeds.ts';
import type { PermissionRequest } from '../../src/permissions.ts';
import { toSubject } from '../../src/subject.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';
import { Calls } from './calls.ts';
import type { Result } from './client.ts';
import type { Database } from './database.ts';
import { type Guard, type Page, roleOf, type SimFeed, type Viewer } from './pages.ts';
import { type Answer, DATA_TIMEOUT, type SimProcess } from './process.ts';
import type { Random } from './random.ts';
import type { Tally } from './tally.ts';

/** How calls of the application go. */
export type Health = 'well' | 'failing' | 'hanging';

export interface ApplicationOptions {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly database: Database;
  readonly tally: Tally;
  /** Most milliseconds of a callback. */
  readonly callback: number;
  readonly maxRuns: number;
  readonly onAnswer: (host: SimProcess, page: Page, viewer: Viewer, answer: Answer) => void;
}

/** What the application does when it is called: it reads from the database, takes its time, fails and hangs. */
export class Application {
  readonly calls: Calls;
  data: Health = 'well';
  answers: Health = 'well';
  readonly #options: ApplicationOptions;
  #calls = 0;

  constructor(options: ApplicationOptions) {
    this.#options = options;
    this.calls = new Calls(options);
  }

  feedRequests(host: SimProcess, page: Page): FeedRequest[] {
    return page.feeds.map((feed) => ({
      keys: feed.keys,
      subject: toSubject(feed.name),
      source: { eventName: undefined, data: (_, { signal }) => this.#data(host, feed, signal) },
    }));
  }

  permissionRequest(
    host: SimProcess,
    page: Page,
    viewer: Viewer,
    { isKeyed, authorizeEvery }: Guard,
  ): PermissionRequest {
    return {
      rule: { ask: () => this.#ask(host, page, viewer), authorizeEvery, dataTimeout: DATA_TIMEOUT },
      keys: isKeyed ? [roleOf(viewer)] : [],
      subject: toSubject(page.number + 1)!,
      viewer: toSubject(viewer),
    };
  }

  async #data(host: SimProcess, { name, keys }: SimFeed, signal: AbortSignal): Promise<Result> {
    const { clock, random, database, callback, tally } = this.#options;
    const result = { feed: name, states: database.statesOf(keys) as Record<string, number> };
    const duration = random.duration(callback);
    const leave = this.calls.run(host, name, signal);
    if (this.data === 'hanging') {
      tally.count('data hung');
      await new Promise(() => {});
    }
    await new Promise<void>((resolve) => clock.after(duration, resolve));
    leave();
    if (this.data !== 'failing') return result;
    tally.count('data failed');
    throw new Error('the database is away');
  }

  /** Tells for how many milliseconds the viewer may look, by what the database said when it was called. */
  async #ask(host: SimProcess, page: Page, viewer: Viewer): Promise<number> {
    const { clock, random, database, callback, tally, onAnswer } = this.#options;
    this.#calls += 1;
    const asked = { call: this.#calls, askedAt: clock.now(), ...database.grantOf(viewer) };
    const duration = random.duration(callback);
    const place = `${page.number} ${viewer}`;
    const answer = this.calls.ask(host, place);
    const fail = () => host.failures.set(place, asked.call);
    if (this.answers === 'hanging') {
      tally.count('authorize hung');
      // After what else is to be done at that moment.
      clock.after(DATA_TIMEOUT, () => clock.after(0, () => answer() && fail()));
      await new Promise(() => {});
    }
    await new Promise<void>((resolve) => clock.after(duration, resolve));
    const isWaitedFor = answer();
    if (this.answers === 'failing') {
      tally.count('authorize failed');
      if (isWaitedFor) fail();
      throw new Error('the database is away');
    }
    if (isWaitedFor) onAnswer(host, page, viewer, { ...asked, answeredAt: clock.now() });
    return asked.until - clock.now();
  }
}
