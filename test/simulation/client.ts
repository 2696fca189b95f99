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
  /** How many milliseconds it waits before it comes back. */
  retry = 3000;

  /** The page is loaded anew: it shows nothing. */
  reload(): void {
    this.shows = new Map();
    this.lastEventId = undefined;
  }

  /** `newest` are the runs that this connection has shown, by feed. */
  receive(bytes: string, newest: Map<string, number>): void {
    for (const line of bytes.split('\n')) {
      const [, field, value = ''] = /^(\w+): (.*)$/.exec(line) ?? [];
      if (field === 'id') this.lastEventId = value;
      if (field === 'retry') this.retry = Number(value);
      if (field === 'data') this.#show(JSON.parse(value) as Result, newest);
    }
  }

  #show(result: Result, newest: Map<string, number>): void {
    if (result.run < (newest.get(result.feed) ?? 0)) {
      this.violations.push(`${result.feed}: run ${result.run} shown after run ${newest.get(result.feed)}`);
    }
    newest.set(result.feed, result.run);
    this.shows.set(result.feed, result);
  }
}
