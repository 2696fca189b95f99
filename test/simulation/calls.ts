import type { VirtualClock } from '../support/virtual-clock.ts';
import { PAGES, type Page, type Viewer } from './pages.ts';
import { DATA_TIMEOUT, type SimProcess } from './process.ts';

/** A call of `authorize` that nobody has given up. */
interface Asking {
  readonly began: number;
}

export interface CallsOptions {
  readonly clock: VirtualClock;
  readonly maxRuns: number;
}

/** Calls of the application that are under way, of which there must not be too many. */
export class Calls {
  readonly violations: string[] = [];
  readonly #options: CallsOptions;
  /** Runs of `data` that were not aborted, by process and feed. */
  readonly #running = new Map<SimProcess, Map<string, number>>();
  /** By process, and by page and viewer. */
  readonly #asking = new Map<SimProcess, Map<string, Asking>>();
  /** How many more runs of each feed can be explained, where they are counted. */
  readonly #runsLeft = new Map<SimProcess, Map<string, number>>();

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** From now on, more than two runs of a feed for each push of one of its keys are a violation. */
  countRuns(processes: readonly SimProcess[]): void {
    for (const process of processes) this.#runsLeft.set(process, new Map());
  }

  /** These keys were pushed. */
  explainRuns(keys: readonly string[]): void {
    for (const { name, keys: its } of PAGES.flatMap((page) => page.feeds)) {
      if (its.some((key) => keys.includes(key))) this.#explain(name, 2);
    }
  }

  /** Somebody opens a page that shows nothing. */
  explainFirstRuns({ feeds }: Page): void {
    for (const { name } of feeds) this.#explain(name, 1);
  }

  #explain(feed: string, runs: number): void {
    for (const left of this.#runsLeft.values()) left.set(feed, (left.get(feed) ?? 0) + runs);
  }

  /** `data` is called. What it gives is to be called when it has an answer. */
  run(host: SimProcess, feed: string, signal: AbortSignal): () => void {
    this.#countRun(host, feed);
    const active = this.#count(host, feed, 1);
    if (active > 1) this.violations.push(`${active} runs of ${feed} at once`);
    this.#checkRoom(host);
    let isOver = false;
    const leave = () => {
      if (!isOver) this.#count(host, feed, -1);
      isOver = true;
    };
    // It does not count any more.
    signal.addEventListener('abort', leave);
    return leave;
  }

  /** `authorize` is called. What it gives is to be called when it has an answer, and says whether anybody waits for it. */
  ask(host: SimProcess, place: string): () => boolean {
    const all = this.#asking.get(host) ?? new Map<string, Asking>();
    this.#asking.set(host, all);
    if (this.#isUnderWay(all.get(place))) this.violations.push(`${place} is asked for twice at once`);
    const asking = { began: this.#options.clock.now() };
    all.set(place, asking);
    this.#checkRoom(host);
    return () => {
      const isWaitedFor = all.get(place) === asking;
      if (isWaitedFor) all.delete(place);
      return isWaitedFor;
    };
  }

  /** Whether `authorize` is being called there. */
  isAsked(host: SimProcess, place: string): boolean {
    return this.#isUnderWay(this.#asking.get(host)?.get(place));
  }

  /** Nobody needs that answer any more. */
  abandon(host: SimProcess, { number }: Page, viewer: Viewer): void {
    this.#asking.get(host)?.delete(`${number} ${viewer}`);
  }

  /** What is running. */
  get left(): readonly string[] {
    return [...this.#running.values()].flatMap((runs) =>
      [...runs].filter(([, active]) => active > 0).map(([feed, active]) => `${active} runs of ${feed}`),
    );
  }

  #isUnderWay(asking: Asking | undefined): boolean {
    return asking !== undefined && asking.began + DATA_TIMEOUT > this.#options.clock.now();
  }

  #countRun(host: SimProcess, name: string): void {
    const counts = this.#runsLeft.get(host);
    if (counts === undefined) return;
    const left = counts.get(name) ?? 0;
    counts.set(name, left - 1);
    if (left === 0) this.violations.push(`a run of ${name} that no push explains`);
  }

  #count(host: SimProcess, name: string, change: 1 | -1): number {
    const runs = this.#running.get(host) ?? new Map<string, number>();
    this.#running.set(host, runs);
    const active = (runs.get(name) ?? 0) + change;
    runs.set(name, active);
    return active;
  }

  #checkRoom(host: SimProcess): void {
    const running = [...(this.#running.get(host)?.values() ?? [])].reduce((sum, active) => sum + active, 0);
    const asking = [...(this.#asking.get(host)?.values() ?? [])].filter((one) => this.#isUnderWay(one));
    const calls = running + asking.length;
    if (calls > this.#options.maxRuns) this.violations.push(`${calls} callbacks at once`);
  }
}
