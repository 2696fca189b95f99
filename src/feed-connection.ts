import { Connection, type ConnectionContext, type Sink, type Timing } from './connection.ts';
import { diagnostics, type FrameMessage } from './diagnostics.ts';
import { joinPositions } from './position.ts';
import { encodeEvent } from './server-event.ts';
import type { Viewers } from './viewers.ts';

/** One result of a callback, encoded once for all who look. */
export interface Frame {
  /** Counts the runs of a feed. Of two frames, the one with the greater number began later. */
  readonly run: number;
  /** What a client that has this frame may come back with; undefined when the version is not known. */
  readonly position: string | undefined;
  /** Equal for equal results. */
  readonly digest: string;
  /**
   * The event, which has its position for id where the feed is the only one on its connections; undefined when there is
   * nothing to send.
   */
  readonly event: Buffer | undefined;
}

/** What all connections of one `streamSse` have in common. */
export interface ViewedRoute extends Timing {
  readonly viewers: Viewers<FeedConnection>;
}

export interface FeedConnectionOptions {
  readonly route: ViewedRoute;
  /** Among whose streams it counts; undefined for everybody. */
  readonly viewer: string | undefined;
  readonly feeds: readonly Shown[];
  readonly path: string;
  /** What the client has of each feed. */
  readonly positions: readonly (string | undefined)[];
}

/** What a slot shows. */
export interface Shown {
  leave(slot: Slot): void;
}

/** The place of one feed on a connection. */
export class Slot {
  readonly connection: FeedConnection;
  readonly feed: Shown;
  /** What the client said it shows, and later what it was sent. */
  position: string | undefined;
  /** The run whose result the client has; results of earlier runs are nothing to it. Undefined until that is decided. */
  shown: number | undefined;
  /** The newest result; older ones are not kept for it. */
  newest: Frame | undefined;
  digest: string | undefined;

  constructor(connection: FeedConnection, feed: Shown, position: string | undefined) {
    this.connection = connection;
    this.feed = feed;
    this.position = position;
  }

  get owed(): Frame | undefined {
    const { newest, shown } = this;
    return newest !== undefined && shown !== undefined && newest.run > shown ? newest : undefined;
  }
}

/**
 * A stream that shows feeds. What a client is owed follows from what it was sent and from the newest frame of each feed,
 * so a client that reads slowly misses what is out of date and nothing else.
 */
export class FeedConnection extends Connection {
  readonly slots: readonly Slot[];

  declare protected readonly timing: ViewedRoute;
  readonly #viewer: string | undefined;

  constructor(sink: Sink, context: ConnectionContext, options: FeedConnectionOptions) {
    const { route, viewer, feeds, path, positions } = options;
    super(sink, context, route, path);
    this.slots = feeds.map((feed, index) => new Slot(this, feed, positions[index]));
    this.#viewer = viewer;
  }

  /** A feed has a newer result for this client, which gets it now or when it has taken what it was sent before. */
  offer(slot: Slot, frame: Frame): void {
    if (this.isBlocked && slot.owed !== undefined && slot.owed !== frame)
      this.context.counters.conflated += 1;
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

  protected override ended(): void {
    for (const slot of this.slots) slot.feed.leave(slot);
    if (this.#viewer !== undefined) this.timing.viewers.remove(this.#viewer, this);
  }

  #send(slot: Slot, frame: Frame): void {
    const isNews = frame.event !== undefined && frame.digest !== slot.digest;
    const hasMoved = frame.position !== undefined && frame.position !== slot.position;
    slot.shown = frame.run;
    if (!isNews && !hasMoved) return;
    slot.position = frame.position;
    if (isNews) {
      slot.digest = frame.digest;
      const event = frame.event!;
      const id = this.slots.length === 1 ? undefined : Buffer.from(`id: ${this.currentId()}\n`);
      this.context.counters.frames += 1;
      if (diagnostics.frame.hasSubscribers) {
        const bytes = event.length + (id?.length ?? 0);
        diagnostics.frame.publish({ route: this.path, bytes } satisfies FrameMessage);
      }
      if (id === undefined) this.write(event);
      else this.write(id, event);
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
