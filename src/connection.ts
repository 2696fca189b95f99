import type { Clock } from './clock.ts';
import type { Heartbeats, Visited } from './heartbeats.ts';
import { pick, type Range, SOON } from './retry.ts';
import { encodeEvent, type ServerEvent } from './server-event.ts';
import type { Counters } from './stats.ts';

/** Where the bytes of a stream go: a response, or whatever can take the place of one. */
export interface Sink {
  /** False when the client has not taken what it was sent: nothing more until `onDrain`. A throw ends the stream. */
  write(bytes: Buffer): boolean;
  /** Ends the stream after what was written. */
  end(): void;
  /** Ends it at once. */
  destroy(): void;
  onDrain(listener: () => void): void;
  /** Called when the client is gone or the stream has ended, at least once. */
  onClose(listener: () => void): void;
}

/** When what happens on a connection, in milliseconds. */
export interface Timing {
  readonly heartbeat: number;
  readonly retry: Range;
  readonly writeTimeout: number;
  readonly lifetime: number;
}

export interface ConnectionOptions extends Timing {
  readonly clock: Clock;
  readonly random: () => number;
  readonly heartbeats: Heartbeats;
  readonly counters: Counters;
  /** Called once, when the stream has ended for whatever reason. */
  readonly onEnd: () => void;
}

const HEARTBEAT = Buffer.from(':\n\n');
/** How long the last bytes of a stream may take, in milliseconds, before its client is cut off; it comes back for more. */
const LINGER = 5000;

/** One open stream, from its first bytes to its end, whatever it sends. */
export abstract class Connection implements Visited {
  protected readonly options: ConnectionOptions;
  readonly #sink: Sink;
  readonly #endsAt: number;
  #open = true;
  /** The client has gone, or has got the last bytes. */
  #isGone = false;
  #stopLingering: (() => void) | undefined;
  #lastWrite: number;
  #blockedSince: number | undefined;

  constructor(sink: Sink, options: ConnectionOptions) {
    const { clock, random, lifetime } = options;
    this.#sink = sink;
    this.options = options;
    this.#lastWrite = clock.now();
    this.#endsAt = this.#lastWrite + lifetime * (0.8 + 0.2 * random());
    sink.onDrain(() => this.#drained());
    sink.onClose(() => {
      this.#isGone = true;
      this.#stopLingering?.();
      this.#close();
    });
  }

  /** Sends the first bytes, so that the client knows that it is connected, however long its data takes. */
  start(): void {
    const { heartbeats, random, retry } = this.options;
    heartbeats.schedule(this, this.#due());
    this.write(encodeEvent({ comment: 'open', retry: pick(retry, random) }));
  }

  /**
   * Ends the stream on the server's wish, with `last` if there is such an event; the client comes back after `retry`. One
   * that takes nothing, now or for `linger` milliseconds, is cut off.
   */
  end(retry: Range = SOON, last: ServerEvent = {}, linger = LINGER): void {
    if (!this.#open) return;
    const { clock, random } = this.options;
    if (this.#blockedSince === undefined) {
      this.write(encodeEvent({ ...last, retry: pick(retry, random) }));
      this.#endSink();
      if (!this.#isGone) this.#stopLingering = clock.after(linger, () => this.#sink.destroy());
      this.#close();
    } else {
      this.#cutOff();
    }
  }

  visit(now: number): number {
    const { counters, heartbeat, writeTimeout } = this.options;
    if (this.#blockedSince !== undefined && now >= this.#blockedSince + writeTimeout) {
      counters.stuck += 1;
      this.#cutOff();
    } else if (now >= this.#endsAt) {
      this.end();
    } else if (this.#blockedSince === undefined && now >= this.#lastWrite + heartbeat) {
      counters.heartbeats += 1;
      this.write(HEARTBEAT);
    }
    return this.#due();
  }

  #due(): number {
    const { heartbeat, writeTimeout } = this.options;
    const next =
      this.#blockedSince === undefined ? this.#lastWrite + heartbeat : this.#blockedSince + writeTimeout;
    return Math.min(next, this.#endsAt);
  }

  protected get isOpen(): boolean {
    return this.#open;
  }

  /** Whether there is a client, and it has taken what it was sent. */
  protected get takesMore(): boolean {
    return this.#open && this.#blockedSince === undefined;
  }

  /** The client has taken what it was sent, or nothing will be taken any more. */
  protected abstract proceed(): void;

  /** For a client that takes more: nothing is queued, so who writes waits for it. */
  protected write(...parts: Buffer[]): void {
    const { clock, counters, heartbeats, writeTimeout } = this.options;
    this.#lastWrite = clock.now();
    let taken = true;
    try {
      for (const bytes of parts) {
        counters.bytes += bytes.length;
        taken = this.#sink.write(bytes) && taken;
      }
    } catch {
      // What one client's response throws is not for the others, who may be next in the same loop.
      this.#cutOff();
    }
    if (taken || !this.#open) return;
    this.#blockedSince = this.#lastWrite;
    if (writeTimeout < this.options.heartbeat) heartbeats.schedule(this, this.#due());
  }

  #drained(): void {
    this.#blockedSince = undefined;
    this.proceed();
    if (this.#open) this.options.heartbeats.schedule(this, this.#due());
  }

  #endSink(): void {
    try {
      this.#sink.end();
    } catch {
      this.#sink.destroy();
    }
  }

  #cutOff(): void {
    this.#close();
    this.#sink.destroy();
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.options.heartbeats.remove(this);
    this.options.onEnd();
    this.proceed();
  }
}
