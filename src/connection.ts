import type { Clock } from './clock.ts';
import type { Heartbeats, Visited } from './heartbeats.ts';
import { joinPositions } from './position.ts';
import { pick, type Range, SOON } from './retry.ts';
import { encodeEvent } from './server-event.ts';
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

/** One result of a callback, encoded once for all who look. */
export interface Frame {
  /** Counts the runs of a feed. Of two frames, the one with the greater number began later. */
  readonly run: number;
  /** What a client that has this frame may come back with; undefined when the version is not known. */
  readonly position: string | undefined;
  /** Equal for equal results. */
  readonly digest: string;
  /** The event, without an id; undefined when there is nothing to send. */
  readonly event: Buffer | undefined;
  /** The event with its position for id, for connections that show nothing else. */
  readonly eventWithId: Buffer | undefined;
}

/** The place of one feed on a connection. */
export class Slot {
  /** What the client said it shows, and later what it was sent. */
  position: string | undefined;
  /** The run whose result the client has; results of earlier runs are nothing to it. */
  shown = Number.POSITIVE_INFINITY;
  /** The newest result; older ones are not kept for it. */
  newest: Frame | undefined;
  digest: string | undefined;
  readonly connection: Connection;

  constructor(connection: Connection, position: string | undefined) {
    this.connection = connection;
    this.position = position;
  }

  /** Whether it was settled yet what this client has to get. */
  get decided(): boolean {
    return this.shown !== Number.POSITIVE_INFINITY;
  }

  get owed(): Frame | undefined {
    return this.newest !== undefined && this.newest.run > this.shown ? this.newest : undefined;
  }
}

export interface ConnectionOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly heartbeats: Heartbeats;
  readonly counters: Counters;
  readonly heartbeat: number;
  readonly lifetime: number;
  readonly retry: Range;
  readonly writeTimeout: number;
  /** What the client has of each feed. */
  readonly positions: readonly (string | undefined)[];
  /** Called once, when the stream has ended for whatever reason. */
  readonly onEnd: () => void;
}

const HEARTBEAT = Buffer.from(':\n\n');
/** How long the last bytes of a stream may take, in milliseconds, before its client is cut off. */
const LINGER = 5000;

/**
 * One open stream. It keeps no queue: what a client is owed follows from what it was sent and from the newest frame of
 * each feed, so a client that reads slowly misses what is out of date and nothing else.
 */
export class Connection implements Visited {
  readonly slots: readonly Slot[];
  readonly #sink: Sink;
  readonly #options: ConnectionOptions;
  readonly #endsAt: number;
  #open = true;
  /** The client has gone, or has got the last bytes. */
  #isGone = false;
  #stopLingering: (() => void) | undefined;
  #lastWrite: number;
  #blockedSince: number | undefined;

  constructor(sink: Sink, options: ConnectionOptions) {
    const { clock, random, lifetime, positions } = options;
    this.#sink = sink;
    this.#options = options;
    this.slots = positions.map((position) => new Slot(this, position));
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
    const { heartbeats, random, retry } = this.#options;
    heartbeats.schedule(this, this.#due());
    this.#write(encodeEvent({ comment: 'open', retry: pick(retry, random) }));
  }

  /** A feed has a newer result for this client, which gets it now or when it has taken what it was sent before. */
  offer(slot: Slot, frame: Frame): void {
    if (slot.owed !== undefined && slot.owed !== frame) this.#options.counters.conflated += 1;
    slot.newest = frame;
    this.#flush();
  }

  /** Ends the stream on the server's wish; the client comes back after `retry`. A client that takes nothing is cut off. */
  end(retry: Range = SOON): void {
    if (!this.#open) return;
    const { clock, random } = this.#options;
    if (this.#blockedSince === undefined) {
      this.#write(encodeEvent({ retry: pick(retry, random) }));
      this.#endSink();
      if (!this.#isGone) this.#stopLingering = clock.after(LINGER, () => this.#sink.destroy());
      this.#close();
    } else {
      this.#cutOff();
    }
  }

  visit(now: number): number {
    const { counters, heartbeat, writeTimeout } = this.#options;
    if (this.#blockedSince !== undefined && now >= this.#blockedSince + writeTimeout) {
      counters.stuck += 1;
      this.#cutOff();
    } else if (now >= this.#endsAt) {
      this.end();
    } else if (this.#blockedSince === undefined && now >= this.#lastWrite + heartbeat) {
      counters.heartbeats += 1;
      this.#write(HEARTBEAT);
    }
    return this.#due();
  }

  #due(): number {
    const { heartbeat, writeTimeout } = this.#options;
    const next =
      this.#blockedSince === undefined ? this.#lastWrite + heartbeat : this.#blockedSince + writeTimeout;
    return Math.min(next, this.#endsAt);
  }

  /** Writes what is owed, as far as the client takes it. */
  #flush(): void {
    for (const slot of this.slots) {
      const frame = slot.owed;
      if (frame === undefined) continue;
      if (!this.#open || this.#blockedSince !== undefined) return;
      this.#send(slot, frame);
    }
  }

  #send(slot: Slot, frame: Frame): void {
    const isNews = frame.event !== undefined && frame.digest !== slot.digest;
    const hasMoved = frame.position !== undefined && frame.position !== slot.position;
    slot.shown = frame.run;
    if (!isNews && !hasMoved) return;
    slot.position = frame.position;
    if (isNews) {
      slot.digest = frame.digest;
      this.#options.counters.frames += 1;
      if (this.slots.length === 1) this.#write(frame.eventWithId!);
      else this.#write(Buffer.from(`id: ${this.currentId()}\n`), frame.event!);
    } else {
      // The client has this result already; an id alone, which is no event, makes it come back with the right one.
      this.#write(encodeEvent({ id: this.currentId() }));
    }
  }

  /** What the client is to come back with: what was written to it, and nothing that is only on its way. */
  protected currentId(): string {
    return joinPositions(this.slots.map((slot) => slot.position));
  }

  #write(...parts: Buffer[]): void {
    const { clock, counters, heartbeats, writeTimeout } = this.#options;
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
    if (writeTimeout < this.#options.heartbeat) heartbeats.schedule(this, this.#due());
  }

  #drained(): void {
    this.#blockedSince = undefined;
    this.#flush();
    if (this.#open) this.#options.heartbeats.schedule(this, this.#due());
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
    this.#options.heartbeats.remove(this);
    this.#options.onEnd();
  }
}
