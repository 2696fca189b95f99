import type { Clock } from './clock.ts';
import type { Heartbeats, Visited } from './heartbeats.ts';
import { pick, type Range, SOON } from './retry.ts';
import { encodeEvent, type ServerEvent } from './server-event.ts';
import type { CloseReason, Counters } from './stats.ts';

/** Where the bytes of a stream go: a response, or whatever can take the place of one. */
export interface Sink {
  /** From now on tells `client` what becomes of it. Called once, before anything is written. */
  attach(client: SinkClient): void;
  /** False when the client has not taken what it was sent: nothing more until it has. A throw ends the stream. */
  write(bytes: Buffer): boolean;
  /** Ends the stream after what was written. */
  end(): void;
  /** Ends it at once. */
  destroy(): void;
}

/** Methods and not functions, since a closure each would be a good part of what an idle stream weighs. */
export interface SinkClient {
  /** After a `write` that gave false: everything was taken. */
  drained(): void;
  /** The client is gone or the stream has ended. Called at least once. */
  closed(): void;
}

/** When what happens on a connection, in milliseconds. */
export interface Timing {
  readonly heartbeat: number;
  readonly retry: Range;
  readonly writeTimeout: number;
  readonly lifetime: number;
}

/** What all connections of a trigger share. */
export interface ConnectionContext {
  readonly clock: Clock;
  readonly random: () => number;
  readonly heartbeats: Heartbeats;
  readonly counters: Counters;
  /** Called once a connection, when it has ended. */
  readonly onEnd: (connection: Connection, reason: CloseReason) => void;
}

const HEARTBEAT = Buffer.from(':\n\n');
/** How long the last bytes of a stream may take, in milliseconds, before its client is cut off; it comes back for more. */
const LINGER = 5000;

/** One open stream, from its first bytes to its end, whatever it sends. */
export abstract class Connection implements Visited, SinkClient {
  protected readonly context: ConnectionContext;
  protected readonly timing: Timing;
  readonly #sink: Sink;
  readonly #endsAt: number;
  /** On the engine's clock. */
  readonly openedAt: number;
  /** The path, for whoever observes. */
  readonly path: string;
  #open = true;
  /** The client has gone, or has got the last bytes. */
  #isGone = false;
  #stopLingering: (() => void) | undefined;
  #lastWrite: number;
  #blockedSince: number | undefined;
  place: number | undefined;

  constructor(sink: Sink, context: ConnectionContext, timing: Timing, path: string) {
    const { clock, random } = context;
    this.context = context;
    this.timing = timing;
    this.path = path;
    this.#sink = sink;
    this.openedAt = this.#lastWrite = clock.now();
    this.#endsAt = this.#lastWrite + Math.round(timing.lifetime * (0.8 + 0.2 * random()));
  }

  /** Sends the first bytes, so that the client knows that it is connected, however long its data takes. */
  start(): void {
    const { heartbeats, random } = this.context;
    this.#sink.attach(this);
    heartbeats.schedule(this, this.#due());
    this.write(encodeEvent({ comment: 'open', retry: pick(this.timing.retry, random) }));
  }

  /**
   * Ends the stream on the server's wish, with `last` if there is such an event; the client comes back after `retry`. One
   * that takes nothing, now or for `linger` milliseconds, is cut off.
   */
  end(reason: CloseReason, retry: Range = SOON, last: ServerEvent = {}, linger = LINGER): void {
    if (!this.#open) return;
    const { clock, random } = this.context;
    if (this.#blockedSince === undefined) {
      this.write(encodeEvent({ ...last, retry: pick(retry, random) }));
      this.#endSink();
      if (!this.#isGone) this.#stopLingering = clock.after(linger, () => this.#sink.destroy());
      this.#close(reason);
    } else {
      this.#cutOff(reason);
    }
  }

  visit(now: number): number {
    const { heartbeat, writeTimeout } = this.timing;
    if (this.#blockedSince !== undefined && now >= this.#blockedSince + writeTimeout) {
      this.#cutOff('stuck');
    } else if (now >= this.#endsAt) {
      this.end('lifetime');
    } else if (this.#blockedSince === undefined && now >= this.#lastWrite + heartbeat) {
      this.context.counters.heartbeats += 1;
      this.write(HEARTBEAT);
    }
    return this.#due();
  }

  drained(): void {
    this.#blockedSince = undefined;
    this.proceed();
    if (this.#open) this.context.heartbeats.schedule(this, this.#due());
  }

  closed(): void {
    this.#isGone = true;
    this.#stopLingering?.();
    this.#close('client');
  }

  #due(): number {
    const { heartbeat, writeTimeout } = this.timing;
    const next =
      this.#blockedSince === undefined ? this.#lastWrite + heartbeat : this.#blockedSince + writeTimeout;
    return Math.min(next, this.#endsAt);
  }

  protected get isOpen(): boolean {
    return this.#open;
  }

  /** Whether the client has yet to take what it was sent. */
  protected get isBlocked(): boolean {
    return this.#blockedSince !== undefined;
  }

  /** Whether there is a client, and it has taken what it was sent. */
  protected get takesMore(): boolean {
    return this.#open && this.#blockedSince === undefined;
  }

  /** The client has taken what it was sent. */
  protected abstract proceed(): void;

  /** Nothing will be taken any more. Called once. */
  protected abstract ended(): void;

  /** For a client that takes more: nothing is queued, so who writes waits for it. */
  protected write(...parts: Buffer[]): void {
    const { clock, counters, heartbeats } = this.context;
    this.#lastWrite = clock.now();
    let taken = true;
    try {
      for (const bytes of parts) {
        counters.bytes += bytes.length;
        taken = this.#sink.write(bytes) && taken;
      }
    } catch {
      // What one client's response throws is not for the others, who may be next in the same loop.
      this.#cutOff('failed');
    }
    if (taken || !this.#open) return;
    this.#blockedSince = this.#lastWrite;
    const { heartbeat, writeTimeout } = this.timing;
    if (writeTimeout < heartbeat) heartbeats.schedule(this, this.#due());
  }

  #endSink(): void {
    try {
      this.#sink.end();
    } catch {
      this.#sink.destroy();
    }
  }

  #cutOff(reason: CloseReason): void {
    this.#close(reason);
    this.#sink.destroy();
  }

  #close(reason: CloseReason): void {
    if (!this.#open) return;
    this.#open = false;
    this.context.heartbeats.remove(this);
    this.ended();
    this.context.onEnd(this, reason);
  }
}
