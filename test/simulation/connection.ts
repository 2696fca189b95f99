import type { Clock } from '../../src/clock.ts';
import type { Sink, SinkClient } from '../../src/connection.ts';
import type { Result, SimClient } from './client.ts';
import type { SimProcess } from './process.ts';
import type { Random } from './random.ts';

/** How a client takes what it is sent: at once, each piece after a while, or not at all. */
export type Pace = 'well' | 'slowly' | 'not';

/** Who ended a connection. */
export type End = 'client' | 'server' | 'network';

export interface ConnectionOptions {
  /** Counts all connections. */
  readonly number: number;
  readonly client: SimClient;
  readonly host: SimProcess;
  readonly clock: Clock;
  readonly random: Random;
  /** How long the server may let a client take nothing, in milliseconds. */
  readonly patience: number;
  /** How long the connection may last, in milliseconds. */
  readonly lifetime: number;
  readonly onEnd: (connection: SimConnection, end: End) => void;
}

/** One connection of a client. What the client has not taken waits on the way, and nothing more may be written then. */
export class SimConnection implements Sink {
  readonly number: number;
  readonly host: SimProcess;
  readonly openedAt: number;
  /** When its client came, which may have had to wait for an answer first. */
  appliedAt: number;
  /** Whether somebody had said yes when it was opened. */
  isPermitted = false;
  /** Why nothing may be sent now, if so. */
  forbids: () => string | undefined = () => undefined;
  pace: Pace = 'well';
  readonly #options: ConnectionOptions;
  readonly #newest = new Map<string, Result>();
  #attached: SinkClient | undefined;
  #isOpen = true;
  #onTheWay = '';
  #isBlocking = false;
  #isBlocked = false;
  #stopPatience: (() => void) | undefined;
  readonly #stopLife: () => void;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.number = options.number;
    this.host = options.host;
    this.openedAt = this.appliedAt = options.clock.now();
    this.#stopLife = options.clock.after(options.lifetime, () => this.#violate('not ended in time'));
  }

  write(bytes: Buffer): boolean {
    if (!this.#isOpen) this.#violate('written after the end');
    const forbidden = bytes.includes('data: ') ? this.forbids() : undefined;
    if (forbidden !== undefined) this.#violate(`a result was sent ${forbidden}`);
    if (this.#isBlocked) this.#violate('written although the client takes nothing');
    this.#onTheWay += bytes.toString();
    if (this.pace === 'well') {
      this.#take();
      return true;
    }
    if (this.#isBlocking) return false;
    this.#isBlocking = true;
    // The event may have a second part, written at once.
    queueMicrotask(() => this.#block());
    return false;
  }

  end(): void {
    this.#end('server');
  }

  destroy(): void {
    this.#end('server');
  }

  attach(client: SinkClient): void {
    this.#attached = client;
  }

  /** The client goes, and with it what was on the way. */
  leave(): void {
    this.#end('client');
  }

  /** The connection is lost, and with it what was on the way. */
  lose(): void {
    this.#end('network');
  }

  /** Takes what is on the way. */
  goOn(): void {
    if (this.#onTheWay === '' || !this.#isOpen) return;
    this.#take();
    this.#isBlocking = this.#isBlocked = false;
    this.#stopPatience?.();
    this.#attached?.drained();
  }

  #block(): void {
    const { clock, random, patience } = this.#options;
    if (!this.#isOpen || !this.#isBlocking) return;
    this.#isBlocking = false;
    this.#isBlocked = true;
    this.#stopPatience = clock.after(patience, () => this.#violate('not cut off, although it takes nothing'));
    if (this.pace === 'slowly') clock.after(random.upTo(2000), () => this.goOn());
  }

  #end(end: End): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#stopLife();
    this.#stopPatience?.();
    // What a server ends itself it hears of later.
    if (end === 'server') this.#options.clock.after(0, () => this.#attached?.closed());
    else this.#attached?.closed();
    this.#options.onEnd(this, end);
  }

  #take(): void {
    const bytes = this.#onTheWay;
    this.#onTheWay = '';
    this.#options.client.receive(bytes, this.#newest);
  }

  #violate(what: string): void {
    this.#options.client.violations.push(`${what} at ${this.#options.clock.now()}`);
  }
}
