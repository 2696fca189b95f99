import type { Protocol } from '../contestants/contestant.ts';
import { now } from '../now.ts';
import { Client, type ClientListener } from './client.ts';

/** Which clients there are. */
export interface GroupPlan {
  readonly protocol: Protocol;
  /** One client each: a key that several watch stands there as often. */
  readonly keys: readonly string[];
}

/** Rows that clients got, column by column; times as in now.ts. */
export interface Deliveries {
  /** Index in the plan's keys. */
  readonly client: Float64Array;
  readonly save: Float64Array;
  /** For when the save was meant. */
  readonly at: Float64Array;
  readonly received: Float64Array;
}

/** The least number of the save that the clients of a key have to show: one for all, or by key. */
export type Wanted = number | ReadonlyMap<string, number>;

/**
 * How clients are opened: as fast as it goes, so many of them connecting at the same time, or one by one, evenly spread over
 * so many milliseconds.
 */
export type Pace = { readonly atOnce: number } | { readonly over: number };

/** Clients that are opened and watched together. */
export class Group implements ClientListener {
  readonly #clients: readonly Client[];
  #opening: Opening | undefined;
  /** Clients that have not shown yet what is wanted of them, and what to call when there are none. */
  #behind = 0;
  #comments = 0;
  #onAllShown: (() => void) | undefined;
  #lost: string[] = [];
  #columns = newColumns();

  constructor({ protocol, keys }: GroupPlan) {
    this.#clients = keys.map((key, index) => new Client(index, key, protocol, this));
  }

  /**
   * Opens all clients, or those anew that lost their connection. Resolves with the milliseconds until the last one had a
   * good answer and first bytes.
   * @throws when one is lost meanwhile, and after `deadline` milliseconds
   */
  async open(port: number, pace: Pace, deadline: number): Promise<number> {
    this.#lost = [];
    const begin = now();
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      const waiting = this.#clients.filter((client) => !client.isConnected);
      const missing = waiting.length;
      const follows = 'atOnce' in pace;
      this.#opening = { port, waiting: waiting.values(), follows, missing, resolve, reject };
      if (missing === 0) resolve();
      if ('over' in pace) this.#openSpread(missing, pace.over);
      else for (let connecting = 0; connecting < pace.atOnce; connecting++) this.#openNext();
      timer = setTimeout(() => {
        const still = this.#opening?.missing;
        reject(new Error(`${still} of ${missing} clients were not open within ${deadline} ms`));
      }, deadline);
    }).finally(() => clearTimeout(timer));
    return (now() - begin) / 1000;
  }

  /** Resolves with `missed`, as soon as all clients have shown what is wanted of them, or at the deadline in milliseconds. */
  async untilShown(wanted: Wanted, deadline: number): Promise<number> {
    this.#behind = 0;
    for (const client of this.#clients) {
      client.wanted = typeof wanted === 'number' ? wanted : (wanted.get(client.key) ?? 0);
      client.isBehind = client.shows < client.wanted;
      if (client.isBehind) this.#behind++;
    }
    if (this.#behind > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadline);
        this.#onAllShown = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#onAllShown = undefined;
    return this.missed;
  }

  /** Clients that show an older row than was wanted of them last: they never got it, or were given an old one after it. */
  get missed(): number {
    return this.#clients.filter((client) => client.shows < client.wanted).length;
  }

  /** What came since this was asked the last time. */
  takeDeliveries(): Deliveries {
    const { client, save, at, received } = this.#columns;
    this.#columns = newColumns();
    return {
      client: Float64Array.from(client),
      save: Float64Array.from(save),
      at: Float64Array.from(at),
      received: Float64Array.from(received),
    };
  }

  /** Clients whose connection ended, whoever ended it. */
  get disconnected(): number {
    return this.#clients.filter((client) => !client.isConnected).length;
  }

  /** Why connections ended that nobody here closed, since `open`. */
  get lostConnections(): readonly string[] {
    return this.#lost;
  }

  get comments(): number {
    return this.#comments;
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  opened(): void {
    const opening = this.#opening;
    if (opening === undefined) return;
    if (--opening.missing === 0) opening.resolve();
    else if (opening.follows) this.#openNext();
  }

  row(client: Client, save: number, at: number): void {
    const { client: clients, save: saves, at: times, received } = this.#columns;
    clients.push(client.index);
    saves.push(save);
    times.push(at);
    received.push(now());
    client.shows = save;
    if (!client.isBehind || save < client.wanted) return;
    client.isBehind = false;
    if (--this.#behind === 0) this.#onAllShown?.();
  }

  comment(): void {
    this.#comments++;
  }

  lost(client: Client, why: string): void {
    this.#lost.push(why);
    this.#opening?.reject(new Error(`client ${client.index} of ${this.#clients.length} was lost: ${why}`));
  }

  #openSpread(count: number, over: number): void {
    const start = performance.now();
    let opened = 0;
    const timer = setInterval(() => {
      const due = ((performance.now() - start) / over) * count;
      for (; opened < Math.min(due, count); opened++) this.#openNext();
      if (opened === count) clearInterval(timer);
    }, 1);
  }

  #openNext(): void {
    const next = this.#opening?.waiting.next();
    if (next?.done === false) next.value.open(this.#opening!.port);
  }
}

interface Opening {
  readonly port: number;
  readonly waiting: IterableIterator<Client>;
  /** Whether the next one follows upon one that is open. */
  readonly follows: boolean;
  missing: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function newColumns(): Record<keyof Deliveries, number[]> {
  return { client: [], save: [], at: [], received: [] };
}
