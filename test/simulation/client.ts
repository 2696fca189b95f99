/** What one result of a simulated callback says: the same again when nothing has changed. */
export interface Result {
  readonly feed: string;
  /** The state of each key when the run began. */
  readonly states: Readonly<Record<string, number>>;
}

/** A browser's page: what it shows, and the id with which it comes back. */
export class SimClient {
  readonly violations: string[] = [];
  /** The page's content by feed. */
  shows = new Map<string, Result>();
  lastEventId: string | undefined;
  /** How many milliseconds it waits before it comes back. */
  retry = 3000;

  /** The page is loaded anew: it shows nothing. */
  reload(): void {
    this.shows = new Map();
    this.lastEventId = undefined;
  }

  /** `newest` is what this connection has shown last, by feed. */
  receive(bytes: string, newest: Map<string, Result>): void {
    for (const line of bytes.split('\n')) {
      const [, field, value = ''] = /^(\w+): (.*)$/.exec(line) ?? [];
      if (field === 'id') this.lastEventId = value;
      if (field === 'retry') this.retry = Number(value);
      if (field === 'data') this.#show(JSON.parse(value) as Result, newest);
    }
  }

  /** States only grow, so that a result which began earlier has less of some, or is the same. */
  #show(result: Result, newest: Map<string, Result>): void {
    const { feed, states } = result;
    const before = newest.get(feed)?.states ?? {};
    for (const [key, state] of Object.entries(before)) {
      if (states[key]! < state)
        this.violations.push(`${feed}: ${states[key]} of ${key} shown after ${state}`);
    }
    newest.set(feed, result);
    this.shows.set(feed, result);
  }
}
