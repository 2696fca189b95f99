import type { Clock } from '../../src/clock.ts';
import type { Sink, SinkClient } from '../../src/connection.ts';
import type { Random } from './random.ts';

/** What one result of a simulated callback says. */
export interface Result {
  readonly feed: string;
  /** Counts the runs of all feeds of all processes in the order in which they began. */
  readonly run: number;
  /** The state of each key when the run began. */
  readonly states: Readonly<Record<string, number>>;
}

/** A browser's page: what it shows, and the id with which it comes back. */
export class SimClient {
  readonly violations: string[] = [];
  /** The page's content by feed. */
  shows = new Map<string, Result>();
  lastEventId: string | undefined;
  connection: SimConnection | undefined;

  /** The page is loaded anew: it shows nothing. */
  reload(): void {
    this.shows = new Map();
    this.lastEventId = undefined;
  }

  receive(bytes: string, connection: SimConnection): void {
    for (const line of bytes.split('\n')) {
      const [, field, value = ''] = /^(\w+): (.*)$/.exec(line) ?? [];
      if (field === 'id') this.lastEventId = value;
      if (field === 'data') this.#show(JSON.parse(value) as Result, connection);
    }
  }

  #show(result: Result, { newest }: SimConnection): void {
    if (result.run < (newest.get(result.feed) ?? 0)) {
      this.violations.push(`${result.feed}: run ${result.run} shown after run ${newest.get(result.feed)}`);
    }
    newest.set(result.feed, result.run);
    this.shows.set(result.feed, result);
  }
}

/** How a client takes what it is sent: at once, each piece after a while, or not at all. */
export type Pace = 'well' | 'slowly' | 'not';

/** One connection of a client. What the client has not taken waits on the way, and nothing more may be written then. */
export class SimConnection implements Sink {
  readonly newest = new Map<string, number>();
  /** Why nothing may be sent now, if so. */
  forbids: () => string | undefined = () => undefined;
  pace: Pace = 'well';
  readonly #client: SimClient;
  readonly #clock: Clock;
  readonly #random: Random;
  #attached: SinkClient | undefined;
  #isOpen = true;
  #onTheWay = '';
  #isBlocking = false;
  #isBlocked = false;

  constructor(client: SimClient, clock: Clock, random: Random) {
    this.#client = client;
    this.#clock = clock;
    this.#random = random;
    client.connection = this;
  }

  write(bytes: Buffer): boolean {
    if (!this.#isOpen) this.#client.violations.push('written after the end');
    const forbidden = bytes.includes('data: ') ? this.forbids() : undefined;
    if (forbidden !== undefined) this.#client.violations.push(`a result was sent ${forbidden}`);
    if (this.#isBlocked) this.#client.violations.push('written although the client takes nothing');
    this.#onTheWay += bytes.toString();
    if (this.pace === 'well') {
      this.#take();
      return true;
    }
    if (this.#isBlocking) return false;
    this.#isBlocking = true;
    // The event may have a second part, written at once.
    queueMicrotask(() => {
      this.#isBlocking = false;
      this.#isBlocked = true;
      if (this.pace === 'slowly') this.#clock.after(this.#random.upTo(2000), () => this.goOn());
    });
    return false;
  }

  end(): void {
    this.leave();
  }

  destroy(): void {
    this.leave();
  }

  attach(client: SinkClient): void {
    this.#attached = client;
  }

  /** The connection is gone, and with it what was on the way. */
  leave(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#client.connection = undefined;
    this.#attached?.closed();
  }

  /** Takes what is on the way. */
  goOn(): void {
    if (this.#onTheWay === '' || !this.#isOpen) return;
    this.#take();
    this.#isBlocked = false;
    this.#attached?.drained();
  }

  #take(): void {
    const bytes = this.#onTheWay;
    this.#onTheWay = '';
    this.#client.receive(bytes, this);
  }
}
