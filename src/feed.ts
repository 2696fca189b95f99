import { hash } from 'node:crypto';
import type { CallContext } from './call-context.ts';
import { withDeadline } from './deadline.ts';
import { diagnostics, type RunMessage } from './diagnostics.ts';
import { SseTriggerError } from './errors.ts';
import type { Frame, Shown, Slot } from './feed-connection.ts';
import { type Few, isMember, membersOf, withMember, withoutMember } from './few.ts';
import type { Job } from './gate.ts';
import { pauseAfterFailure, pauseAfterLoss } from './pauses.ts';
import { toPosition } from './position.ts';
import { toText } from './server-event.ts';
import type { Run as RunSettings } from './stream-options.ts';
import type { Subject } from './subject.ts';
import type { Watcher } from './versions.ts';

/** What all feeds of a trigger share. */
export interface FeedContext extends CallContext {
  /** Called once, when nobody looks at a feed any more. */
  readonly onEmpty: (feed: Feed) => void;
}

/** What all feeds of one route have in common. */
export interface FeedSettings {
  /** In milliseconds, like the next two. */
  readonly throttle: number;
  readonly resync: number;
  readonly dataTimeout: number;
  readonly revision: string;
}

/** What a route shows in one of its feeds, whoever looks. */
export interface FeedSource {
  readonly eventName: string | undefined;
  readonly data: (subject: unknown, run: RunSettings) => unknown;
}

/** What makes one feed this feed. */
export interface FeedOptions {
  readonly route: FeedSettings;
  readonly source: FeedSource;
  readonly keys: readonly string[];
  /** The subject that results depend on; undefined when they are the same for all. */
  readonly subject: Subject | undefined;
  /** Tells it from all other feeds of the trigger, and is the same in every process. */
  readonly name: string;
  /** Whether it is the only one on its connections, so that ids can be part of its frames. */
  readonly isAlone: boolean;
  /** For errors. */
  readonly path: string;
}

/** As many bytes of a hash tell results apart. */
const DIGEST = 16;
/** How many connections are written to before everybody else has a turn. */
const SLICE = 100;

/** A call of `data` under way. */
interface Run {
  readonly number: number;
  /** Made of the versions as they were before the call. */
  readonly position: string | undefined;
  readonly began: number;
  readonly abort: AbortController;
}

/**
 * What all connections of one route with an equal subject and the same keys show. It runs `data` once a change, however
 * many look and however often it changes meanwhile, and encodes the result once.
 */
export class Feed implements Shown, Watcher, Job {
  readonly name: string;
  readonly keys: readonly string[];
  readonly #context: FeedContext;
  readonly #route: FeedSettings;
  readonly #source: FeedSource;
  readonly #subject: Subject | undefined;
  readonly #isAlone: boolean;
  readonly path: string;
  #slots: Few<Slot>;
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
  #lookAt: number | undefined;
  #stopTimer: (() => void) | undefined;
  #restsUntil = 0;
  /** The newest frame is being offered to everybody. */
  #isSharing = false;
  /** There is a newer one since that began. */
  #sharesAgain = false;

  constructor(context: FeedContext, { route, source, keys, subject, name, isAlone, path }: FeedOptions) {
    this.#context = context;
    this.#route = route;
    this.#source = source;
    this.keys = keys;
    this.#subject = subject;
    this.name = name;
    this.#isAlone = isAlone;
    this.path = path;
    context.poller.watch(this);
  }

  /** Keeps a client up to date until it leaves. Resolves when it was decided what it has to get first. */
  async join(slot: Slot): Promise<void> {
    const { poller } = this.#context;
    const since = poller.versions.mark();
    this.#slots = withMember(this.#slots, slot);
    await poller.refresh(this.keys);
    const isUndecided = () => isMember(this.#slots, slot) && !isDecided(slot);
    while (isUndecided() && !this.#decide(slot, since)) await poller.nextPoll();
  }

  /**
   * When the last one leaves, the run that is under way is aborted. It keeps its place at the gate until it has settled or
   * is late: a callback that does not heed the signal is still running.
   */
  leave(slot: Slot): void {
    if (!isMember(this.#slots, slot)) return;
    this.#slots = withoutMember(this.#slots, slot);
    if (this.#slots !== undefined) return;
    this.#context.poller.unwatch(this);
    this.#stopTimer?.();
    this.#context.gate.leave(this);
    this.#running?.abort.abort(new DOMException('nobody looks any more', 'AbortError'));
    this.#context.onEmpty(this);
  }

  /** What a client that has just come has to get first. False when only the store could tell, and does not. */
  #decide(slot: Slot, since: number): boolean {
    const { poller, counters } = this.#context;
    if (!poller.versions.isKnownSince(this.keys, since)) return this.#decideWithoutStore(slot);

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
    const isInDoubt = this.#context.poller.versions.isInDoubt(this.keys);
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

  changed(urgent: boolean): void {
    const isInDoubt = this.#context.poller.versions.isInDoubt(this.keys);
    this.#failures = 0;
    let someoneLooks = false;
    let someoneComes = false;
    for (const slot of membersOf(this.#slots)) {
      // Who is not decided yet finds the new version by itself, and may turn out to show it; but not while none is known.
      if (!isDecided(slot) && isInDoubt) {
        slot.shown = this.#runs;
        someoneComes = true;
      }
      someoneLooks ||= isDecided(slot);
    }
    if (someoneLooks) this.#look(urgent || someoneComes ? 0 : pauseAfterLoss(this.#context.random));
    else this.#hasMissedChange = true;
  }

  /** Has `data` run in `delay` ms, or sooner if that is planned already. */
  #look(delay: number): void {
    if (this.#slots === undefined) return;
    if (this.isBusy()) {
      this.#again = true;
      return;
    }
    const { clock } = this.#context;
    const at = Math.max(clock.now() + delay, this.#restsUntil);
    if (this.#isQueued || (this.#lookAt !== undefined && at >= this.#lookAt)) return;
    this.#lookAt = at;
    this.#stopTimer?.();
    if (at <= clock.now()) this.#enterQueue();
    else this.#stopTimer = clock.after(at - clock.now(), () => this.#enterQueue());
  }

  #enterQueue(): void {
    this.#lookAt = undefined;
    this.#isQueued = true;
    this.#context.gate.enter(this);
  }

  /** A call of `data`, when the gate lets it. Never rejects. */
  async run(): Promise<void> {
    this.#isQueued = false;
    const { clock, counters } = this.#context;
    const { dataTimeout, throttle, resync } = this.#route;
    const data = (signal: AbortSignal) => this.#source.data(this.#subject?.value, { signal });
    this.#runs += 1;
    counters.runs += 1;
    const run = {
      number: this.#runs,
      position: this.position(),
      began: clock.now(),
      abort: new AbortController(),
    };
    this.#running = run;
    this.#again = this.#hasMissedChange = false;
    let next = resync > 0 ? resync : undefined;
    try {
      const result = await withDeadline(clock, dataTimeout, data, { abort: run.abort });
      if (this.#slots === undefined) return this.#publish(run, 'abandoned');
      this.#frame = this.toFrame(run, result);
      this.#failures = 0;
      this.#publish(run, 'done');
    } catch (cause) {
      if (this.#slots === undefined) return this.#publish(run, 'abandoned');
      this.#publish(run, isLate(run) ? 'late' : 'failed');
      next = this.backOff(this.#failures);
      this.#failures += 1;
      this.#tell(cause, run);
      for (const slot of membersOf(this.#slots)) if (isDecided(slot)) this.#comfort(slot);
    }
    this.#running = undefined;
    if (this.#slots === undefined) return;
    this.#restsUntil = clock.now() + throttle;
    if (this.#again) this.#look(0);
    else if (next !== undefined) this.#look(next);
    this.#share();
  }

  /** Offers the newest frame to everybody. */
  #share(): void {
    if (this.#frame === undefined) return;
    this.#sharesAgain = this.#isSharing;
    if (!this.#isSharing) this.#shareSlice(membersOf(this.#slots));
  }

  /** A newer frame that comes between slices reaches the rest of them first, and then all once more. */
  #shareSlice(slots: Iterator<Slot>): void {
    this.#isSharing = true;
    for (let offered = 0; offered < SLICE; offered += 1) {
      const { done, value: slot } = slots.next();
      if (done && this.#sharesAgain) {
        this.#sharesAgain = false;
        slots = membersOf(this.#slots);
        continue;
      }
      if (done) {
        this.#isSharing = false;
        return;
      }
      const frame = this.#frame!;
      if (isDecided(slot) && !this.#isShownBy(slot, frame)) slot.connection.offer(slot, frame);
    }
    this.#context.clock.after(0, () => this.#shareSlice(slots));
  }

  /** Whether a client came with this very state and was sent nothing since, while others needed a run for it. */
  #isShownBy(slot: Slot, frame: Frame): boolean {
    if (slot.digest !== undefined || frame.position === undefined || slot.position !== frame.position)
      return false;
    return this.#route.resync === 0;
  }

  #tell(cause: unknown, run: Run): void {
    const { counters, onError } = this.#context;
    const { dataTimeout } = this.#route;
    counters.failures += 1;
    const message = isLate(run)
      ? `data took longer than ${dataTimeout} ms`
      : 'data failed; it is tried again';
    onError(
      new SseTriggerError(isLate(run) ? 'data_timeout' : 'data_failed', message, { route: this.path, cause }),
    );
  }

  #publish({ began }: Run, outcome: RunMessage['outcome']): void {
    if (!diagnostics.run.hasSubscribers) return;
    const durationMs = this.#context.clock.now() - began;
    diagnostics.run.publish({ route: this.path, keys: this.keys, outcome, durationMs } satisfies RunMessage);
  }

  // The decisions, apart from the rest so that the simulation can run with each of them made wrongly.

  /** At most one run at a time: of two results at once, nobody knows which is newer. */
  protected isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** What a client that shows the present state would come back with; undefined while that is not known. */
  protected position(): string | undefined {
    const versions = this.#context.poller.versions.of(this.keys);
    return versions && toPosition([this.name, this.#source.eventName ?? '', this.#route.revision, versions]);
  }

  protected toFrame({ number, position }: Run, data: unknown): Frame {
    if (data === undefined) return { run: number, position, digest: '', event: undefined };
    const event = toText({ event: this.#source.eventName, data });
    const digest = hash('sha256', event, 'buffer').toString('base64url', 0, DIGEST);
    const id = this.#isAlone && position !== undefined ? `id: ${position}\n` : '';
    return { run: number, position, digest, event: Buffer.from(id + event) };
  }

  /** How long to wait after the run that failed after so many failures. */
  protected backOff(failures: number): number {
    return pauseAfterFailure(failures, this.#context.random);
  }
}

/** Whether it was aborted by its deadline, while somebody still looked. */
function isLate({ abort }: Run): boolean {
  return abort.signal.aborted;
}

/** Whether it was settled yet what this client has to get. */
function isDecided(slot: Slot): boolean {
  return slot.shown !== undefined;
}
