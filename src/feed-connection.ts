import { Connection, type ConnectionOptions, type Sink } from './connection.ts';
import { joinPositions } from './position.ts';
import { encodeEvent } from './server-event.ts';

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
  readonly connection: FeedConnection;

  constructor(connection: FeedConnection, position: string | undefined) {
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

/**
 * A stream that shows feeds. What a client is owed follows from what it was sent and from the newest frame of each feed,
 * so a client that reads slowly misses what is out of date and nothing else.
 */
export class FeedConnection extends Connection {
  readonly slots: readonly Slot[];

  /** @param positions what the client has of each feed */
  constructor(sink: Sink, options: ConnectionOptions, positions: readonly (string | undefined)[]) {
    super(sink, options);
    this.slots = positions.map((position) => new Slot(this, position));
  }

  /** A feed has a newer result for this client, which gets it now or when it has taken what it was sent before. */
  offer(slot: Slot, frame: Frame): void {
    if (slot.owed !== undefined && slot.owed !== frame) this.options.counters.conflated += 1;
    slot.newest = frame;
    this.proceed();
  }

  /** Writes what is owed, as far as the client takes it. */
  protected override proceed(): void {
    for (const slot of this.slots) {
      const frame = slot.owed;
      if (frame === undefined) continue;
      if (!this.takesMore) return;
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
      this.options.counters.frames += 1;
      if (this.slots.length === 1) this.write(frame.eventWithId!);
      else this.write(Buffer.from(`id: ${this.currentId()}\n`), frame.event!);
    } else {
      // The client has this result already; an id alone, which is no event, makes it come back with the right one.
      this.write(encodeEvent({ id: this.currentId() }));
    }
  }

  /** What the client is to come back with: what was written to it, and nothing that is only on its way. */
  protected currentId(): string {
    return joinPositions(this.slots.map((slot) => slot.position));
  }
}
