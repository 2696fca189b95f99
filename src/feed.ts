import { createHash } from 'node:crypto';
import type { Clock } from './clock.ts';
import { withDeadline } from './deadline.ts';
import { SseTriggerError } from './errors.ts';
import type { Frame, Slot } from './feed-connection.ts';
import type { Gate } from './gate.ts';
import type { Poller } from './poller.ts';
import { toPosition } from './position.ts';
import { encodeEvent } from './server-event.ts';
import type { Counters } from './stats.ts';

/** What all feeds of a trigger share. */
export interface FeedContext {
  readonly clock: Clock;
  readonly random: () => number;
  readonly poller: Poller;
  readonly gate: Gate;
  readonly counters: Counters;
  readonly onError: (error: SseTriggerError) => void;
}

/** When what happens in a feed, in milliseconds. */
export interface FeedTiming {
  readonly throttle: number;
  readonly resync: number;
  readonly dataTimeout: number;
}

/** What makes one feed this feed. */
export interface FeedOptions extends FeedTiming {
  readonly keys: readonly string[];
  /** Everything that results depend on beside the versions of the keys. */
  readonly identity: readonly unknown[];
  readonly eventName: string | undefined;
  readonly data: (signal: AbortSignal) => unknown;
  /** For errors. */
  readonly route: string | undefined;
  /** Called once, when nobody looks any more. */
  readonly onEmpty: () => void;
}

/** Looks that a lost data set causes come spread over this many milliseconds. */
const SPREAD = 5000;
const FIRST_BACKOFF = 1000;
const LAST_BACKOFF = 30_000;

/** A call of `data` under way. */
interface Run {
  readonly number: number;
  /** Made of the versions as they were before the call. */
  readonly position: string | undefined;
  readonly abort: AbortController;
}

/**
 * What all connections of one route with an equal subject and the same keys show. It runs `data` once a change, however
 * many look and however often it changes meanwhile, and encodes the result once.
 */
export class Feed {
  readonly #context: FeedContext;
  readonly #options: FeedOptions;
  readonly #unwatch: () => void;
  /** All clients, each with the mark at which it came. */
  readonly #slots = new Map<Slot, number>();
  /** The newest good result. */
  #frame: Frame | undefined;
  /** How many runs were begun. */
  #runs = 0;
  #running: Run | undefined;
  /** Something changed while `data` was running. */
  #again = false;
  /** Something changed while it was not decided for anybody what to show. */
  #hasMissedChange = false;
  /** How often `data` failed since it last gave a result or a key changed. */
  #failures = 0;
  #isQueued = false;
  #leaveQueue: (() => void) | undefined;
  #lookAt = Number.POSITIVE_INFINITY;
  #stopTimer: (() => void) | undefined;
  #restsUntil = 0;

  constructor(context: FeedContext, options: FeedOptions) {
    this.#context = context;
    this.#options = options;
    this.#unwatch = context.poller.watch(options.keys, (urgent) => this.#changed(urgent));
  }

  /** Keeps a client up to date until it leaves. Resolves when it was decided what it has to get first. */
  async join(slot: Slot): Promise<void> {
    const { poller } = this.#context;
    const since = poller.versions.mark();
    this.#slots.set(slot, since);
    await poller.refresh(this.#options.keys);
    while (this.#slots.has(slot) && !slot.decided && !this.#decide(slot, since)) await poller.nextPoll();
  }

  /** When the last one leaves, the run that is under way is aborted. */
  leave(slot: Slot): void {
    if (!this.#slots.delete(slot) || this.#slots.size > 0) return;
    this.#unwatch();
    this.#stopTimer?.();
    this.#leaveQueue?.();
    this.#running?.abort.abort(new DOMException('nobody looks any more', 'AbortError'));
    this.#options.onEmpty();
  }

  /** What a client that has just come has to get first. False when only the store could tell, and does not. */
  #decide(slot: Slot, since: number): boolean {
    const { poller, counters } = this.#context;
    if (!poller.versions.isKnownSince(this.#options.keys, since)) return this.#decideWithoutStore(slot);

    const current = this.position();
    const running = current !== undefined && this.#running?.position === current ? this.#running : undefined;
    // What earlier runs give is not for it.
    slot.shown = running === undefined ? this.#runs : running.number - 1;
    if (current !== undefined && slot.position === current) {
      counters.resumed += 1;
    } else if (current !== undefined && this.#frame?.position === current) {
      this.#give(slot, this.#frame);
    } else {
      this.#comfort(slot);
      if (running === undefined && (this.#failures === 0 || this.isBusy())) this.#look(0);
    }
    return true;
  }

  /** The outage logs nobody out: who shows something waits, and who shows nothing gets the last frame, or a run. */
  #decideWithoutStore(slot: Slot): boolean {
    const isInDoubt = this.#context.poller.versions.isInDoubt(this.#options.keys);
    if (slot.position !== undefined && !isInDoubt) return false;
    const frame = this.#frame;
    slot.shown = frame?.run ?? 0;
    // Who shows something may be ahead of a frame, unless that was made since the doubt came up.
    if (frame !== undefined && (slot.position === undefined || frame.position === undefined))
      this.#give(slot, frame);
    if (this.#hasMissedChange) this.#look(0);
    else if (frame === undefined && !this.isBusy() && this.#failures === 0) this.#look(0);
    return true;
  }

  #give(slot: Slot, frame: Frame): void {
    slot.shown = frame.run - 1;
    slot.connection.offer(slot, frame);
  }

  /** While `data` fails, what it gave last is better than nothing. */
  #comfort(slot: Slot): void {
    const showsNothing = slot.position === undefined && slot.digest === undefined;
    if (this.#failures > 0 && this.#frame !== undefined && showsNothing) this.#give(slot, this.#frame);
  }

  #changed(urgent: boolean): void {
    const isInDoubt = this.#context.poller.versions.isInDoubt(this.#options.keys);
    this.#failures = 0;
    let someoneLooks = false;
    for (const slot of this.#slots.keys()) {
      // Who is not decided yet finds the new version by itself, and may turn out to show it; but not while none is known.
      if (!slot.decided && isInDoubt) slot.shown = this.#runs;
      someoneLooks ||= slot.decided;
    }
    if (someoneLooks) this.#look(urgent ? 0 : SPREAD * this.#context.random());
    else this.#hasMissedChange = true;
  }

  /** Has `data` run in `delay` ms, or sooner if that is planned already. */
  #look(delay: number): void {
    if (this.#slots.size === 0) return;
    if (this.isBusy()) {
      this.#again = true;
      return;
    }
    const { clock } = this.#context;
    const at = Math.max(clock.now() + delay, this.#restsUntil);
    if (this.#isQueued || at >= this.#lookAt) return;
    this.#lookAt = at;
    this.#stopTimer?.();
    if (at <= clock.now()) this.#enterQueue();
    else this.#stopTimer = clock.after(at - clock.now(), () => this.#enterQueue());
  }

  #enterQueue(): void {
    this.#lookAt = Number.POSITIVE_INFINITY;
    this.#isQueued = true;
    this.#leaveQueue = this.#context.gate.enter(() => {
      this.#isQueued = false;
      return this.#run();
    });
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { clock, counters } = this.#context;
    const { data, dataTimeout, throttle, resync } = this.#options;
    this.#runs += 1;
    counters.runs += 1;
    const run = { number: this.#runs, position: this.position(), abort: new AbortController() };
    this.#running = run;
    this.#again = this.#hasMissedChange = false;
    let next = resync > 0 ? resync : Number.POSITIVE_INFINITY;
    try {
      const result = await withDeadline(clock, dataTimeout, data, { abort: run.abort });
      this.#frame = this.toFrame(run, result);
      this.#failures = 0;
    } catch (cause) {
      if (this.#slots.size === 0) return;
      next = this.backOff(this.#failures);
      this.#failures += 1;
      this.#tell(cause, run);
      for (const slot of this.#slots.keys()) if (slot.decided) this.#comfort(slot);
    }
    this.#running = undefined;
    if (this.#slots.size === 0) return;
    this.#restsUntil = clock.now() + throttle;
    this.#look(this.#again ? 0 : next);
    this.#share();
  }

  #share(): void {
    if (this.#frame === undefined) return;
    for (const slot of this.#slots.keys()) {
      if (slot.decided && !this.#isShownBy(slot, this.#frame)) slot.connection.offer(slot, this.#frame);
    }
  }

  /** Whether a client came with this very state and was sent nothing since, while others needed a run for it. */
  #isShownBy(slot: Slot, frame: Frame): boolean {
    if (slot.digest !== undefined || frame.position === undefined || slot.position !== frame.position)
      return false;
    return this.#options.resync === 0;
  }

  #tell(cause: unknown, run: Run): void {
    const { counters, onError } = this.#context;
    const { dataTimeout, route } = this.#options;
    const isLate = run.abort.signal.aborted;
    counters.failures += 1;
    const message = isLate ? `data took longer than ${dataTimeout} ms` : 'data failed; it is tried again';
    onError(new SseTriggerError(isLate ? 'data_timeout' : 'data_failed', message, { route, cause }));
  }

  // The decisions, apart from the rest so that the simulation can run with each of them made wrongly.

  /** At most one run at a time: of two results at once, nobody knows which is newer. */
  protected isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** What a client that shows the present state would come back with; undefined while that is not known. */
  protected position(): string | undefined {
    const versions = this.#context.poller.versions.of(this.#options.keys);
    return versions && toPosition([...this.#options.identity, versions]);
  }

  protected toFrame({ number, position }: Run, data: unknown): Frame {
    if (data === undefined)
      return { run: number, position, digest: '', event: undefined, eventWithId: undefined };
    const event = encodeEvent({ event: this.#options.eventName, data });
    const digest = createHash('sha256').update(event).digest('base64');
    const eventWithId =
      position === undefined ? event : Buffer.concat([Buffer.from(`id: ${position}\n`), event]);
    return { run: number, position, digest, event, eventWithId };
  }

  /** How long to wait after the run that failed after so many failures. */
  protected backOff(failures: number): number {
    const longest = Math.min(FIRST_BACKOFF * 2 ** failures, LAST_BACKOFF);
    return longest * (0.5 + 0.5 * this.#context.random());
  }
}
