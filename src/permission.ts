import type { CallContext } from './call-context.ts';
import { withDeadline } from './deadline.ts';
import { isAnswer, SseTriggerError } from './errors.ts';
import { type Few, isMember, membersOf, withMember, withoutMember } from './few.ts';
import type { Job } from './gate.ts';
import { LONGEST_TIMER } from './option-checks.ts';
import { pauseAfterFailure, pauseAfterLoss } from './pauses.ts';
import type { Subject } from './subject.ts';
import type { Watcher } from './versions.ts';

/** What all permissions of a trigger share. */
export interface PermissionContext extends CallContext {
  /** Called once, when nobody needs a permission any more. */
  readonly onEmpty: (permission: Permission) => void;
}

/** Who may look at the streams of one route. */
export interface PermissionRule {
  /** Asks the application, and gives for how many milliseconds its yes stands at most; 0 or less is a no. */
  readonly ask: (subject: unknown, viewer: unknown) => number | PromiseLike<number>;
  /** It is asked again at least so often, in milliseconds. */
  readonly authorizeEvery: number;
  /** In milliseconds. */
  readonly dataTimeout: number;
}

/** What makes one permission this permission. */
export interface PermissionOptions {
  readonly rule: PermissionRule;
  /** It is asked again as soon as one of these changes. */
  readonly keys: readonly string[];
  readonly subject: Subject;
  readonly viewer: Subject | undefined;
  /** Tells it from all other permissions of the trigger. */
  readonly name: string;
  /** For errors. */
  readonly path: string;
}

/** Who needs a permission. `ask` numbers the call that was answered; 0 stands for none. */
export interface Guarded {
  permitted(ask: number): void;
  /** `answer` is what the application threw, if its no was an error with a `status`. */
  refused(ask: number, answer?: unknown): void;
  /** The call failed; it is made again later. */
  unanswered(): void;
}

/** Who waits for an answer. */
export interface Waiting extends Guarded {
  /** The first call whose answer is for it. */
  ask: number;
}

const NEVER = Number.NEGATIVE_INFINITY;
/** A call of the application under way. */
interface Ask {
  readonly number: number;
  readonly began: number;
  readonly abort: AbortController;
  /** A key has changed since it began. */
  isStale: boolean;
}

/**
 * Whether one viewer may see one subject on one route: asked once for all of their streams, and again whenever it may
 * have changed. Nothing is sent while that is not known.
 */
export class Permission implements Watcher, Job {
  readonly name: string;
  readonly keys: readonly string[];
  /** Who may look is asked before what there is to see. */
  readonly comesFirst = true;
  readonly #context: PermissionContext;
  readonly #rule: PermissionRule;
  readonly #subject: Subject;
  readonly #viewer: Subject | undefined;
  readonly #path: string;
  #members: Few<Guarded>;
  /** How many calls were begun. */
  #asks = 0;
  /** The last call that somebody waits for. */
  #wanted = 0;
  #asking: Ask | undefined;
  /** How often asking failed since it was last answered or a key changed. */
  #failures = 0;
  /** Until when the last answer, if it was yes, stands. */
  #yesUntil = NEVER;
  /** The call that was answered so. */
  #yesTo = 0;
  /** The last answer if it was no, until a key changes or it is asked for again. */
  #no: { readonly answer: unknown } | undefined;
  /** When it is to be asked for by the timer. */
  #askAt = Number.POSITIVE_INFINITY;
  #stopTimer: (() => void) | undefined;
  #stopExpiry: (() => void) | undefined;

  constructor(context: PermissionContext, { rule, keys, subject, viewer, name, path }: PermissionOptions) {
    this.#context = context;
    this.#rule = rule;
    this.keys = keys;
    this.#subject = subject;
    this.#viewer = viewer;
    this.name = name;
    this.#path = path;
    if (keys.length > 0) context.poller.watch(this);
  }

  /**
   * Keeps telling `member` until it leaves, and `applicant`, whose stream it is, no more. Gives the first call whose answer
   * is for it.
   */
  join(member: Guarded, applicant: Waiting): number {
    this.#members = withMember(withoutMember(this.#members, applicant), member);
    // Who was let in before its keys were read waits for what is asked from now on.
    const ask = Math.min(applicant.ask, this.#asks + 1);
    this.#wanted = Math.max(this.#wanted, ask);
    // It may also have been refused since somebody was told that it was permitted.
    if (!this.allows(ask) && this.#failures === 0) this.#ask();
    return ask;
  }

  /** When the last one leaves, the call that is under way comes to nothing, but keeps its place at the gate. */
  leave(member: Guarded): void {
    if (!isMember(this.#members, member)) return;
    this.#members = withoutMember(this.#members, member);
    if (this.#members !== undefined) return;
    const { poller, gate, onEmpty } = this.#context;
    if (this.keys.length > 0) poller.unwatch(this);
    this.#stopAsking();
    this.#stopExpiry?.();
    gate.leave(this);
    this.#asking?.abort.abort(new DOMException('nobody waits any more', 'AbortError'));
    onEmpty(this);
  }

  /**
   * Keeps `applicant` a member until it leaves, and has it told what is true at this moment or later: by the answer that
   * is known already, if its keys say that it still stands, or else by one that is asked for from now on.
   */
  async apply(applicant: Waiting): Promise<void> {
    const { versions } = this.#context.poller;
    const since = versions.mark();
    this.#members = withMember(this.#members, applicant);
    if (this.keys.length > 0) await this.#context.poller.refresh(this.keys);
    if (!isMember(this.#members, applicant)) return;
    const isUpToDate =
      this.keys.length > 0 && versions.of(this.keys) !== undefined && versions.isKnownSince(this.keys, since);
    if (isUpToDate && this.allows()) {
      applicant.ask = this.#yesTo;
      applicant.permitted(applicant.ask);
    } else if (isUpToDate && this.#no !== undefined) {
      applicant.refused(applicant.ask, this.#no.answer);
    } else if (this.#failures > 0 && this.#asking === undefined) {
      applicant.ask = this.#asks + 1;
      applicant.unanswered();
    } else {
      applicant.ask = isUpToDate && this.#asking !== undefined ? this.#asks : this.#asks + 1;
      this.#wanted = Math.max(this.#wanted, applicant.ask);
      this.#ask();
    }
  }

  /** Calls `run` when an answer is too late for who waits for it. Returns its stop. */
  whenLate(run: () => void): () => void {
    return this.#context.clock.after(this.#rule.dataTimeout, run);
  }

  changed(urgent: boolean): void {
    this.#failures = 0;
    this.#yesUntil = NEVER;
    this.#no = undefined;
    if (this.#asking !== undefined) this.#asking.isStale = true;
    else if (urgent) this.#ask();
    else this.#askIn(pauseAfterLoss(this.#context.random));
  }

  /** Has the application asked as soon as the gate lets it, unless that is under way. */
  #ask(): void {
    this.#stopAsking();
    if (this.#asking === undefined && this.#members !== undefined) this.#context.gate.enter(this);
  }

  /** Asks in `delay` ms, or sooner if that is planned already. */
  #askIn(delay: number): void {
    const { clock } = this.#context;
    const at = clock.now() + delay;
    if (at >= this.#askAt) return;
    this.#stopAsking();
    this.#askAt = at;
    this.#stopTimer = clock.after(delay, () => this.#ask());
  }

  #stopAsking(): void {
    this.#stopTimer?.();
    this.#askAt = Number.POSITIVE_INFINITY;
  }

  /** A call of the application, when the gate lets it. Never rejects. */
  async run(): Promise<void> {
    this.#stopAsking();
    this.#asks += 1;
    this.#context.counters.asks += 1;
    const asking = {
      number: this.#asks,
      began: this.#context.clock.now(),
      abort: new AbortController(),
      isStale: false,
    };
    this.#asking = asking;
    this.#no = undefined;
    const result = await this.#call(asking);
    this.#asking = undefined;
    if (this.#members === undefined) return;
    const counts = this.counts(asking);
    if (result.threw && !isAnswer(result.cause)) {
      this.#failed(asking, result.cause);
    } else if (counts && !result.threw && result.ms > 0) {
      this.#permit(asking, result.ms);
    } else if (counts) {
      this.#no = { answer: result.threw ? result.cause : undefined };
      this.refuse(asking.number, this.#no.answer);
    }
    if (!counts || this.#wanted > this.#asks) this.#ask();
  }

  async #call({ abort }: Ask): Promise<{ threw: false; ms: number } | { threw: true; cause: unknown }> {
    const { ask, dataTimeout } = this.#rule;
    const call = () => ask(this.#subject.value, this.#viewer?.value);
    try {
      return { threw: false, ms: await withDeadline(this.#context.clock, dataTimeout, call, { abort }) };
    } catch (cause) {
      return { threw: true, cause };
    }
  }

  #permit({ number, began }: Ask, ms: number): void {
    const { clock, random } = this.#context;
    const { authorizeEvery } = this.#rule;
    const now = clock.now();
    this.#failures = 0;
    this.#yesUntil = now + Math.min(authorizeEvery, ms);
    this.#yesTo = number;
    const again = began + authorizeEvery * (0.8 + 0.2 * random()) - now;
    // Never back to back, however long an answer takes.
    this.#askIn(Math.max(again, authorizeEvery / 2));
    this.#stopExpiry?.();
    if (ms < Number.POSITIVE_INFINITY) {
      this.#stopExpiry = clock.after(Math.min(ms, LONGEST_TIMER), () => this.refuse(0));
    }
    for (const member of membersOf(this.#members)) member.permitted(number);
  }

  #failed({ number, abort }: Ask, cause: unknown): void {
    const { counters, random, onError } = this.#context;
    counters.askFailures += 1;
    this.#yesUntil = NEVER;
    this.#askIn(pauseAfterFailure(this.#failures, random));
    this.#failures += 1;
    // Who waits for a later call is told of this one, too.
    this.#wanted = number;
    const isLate = abort.signal.aborted;
    const message = isLate
      ? `authorize took longer than ${this.#rule.dataTimeout} ms; nothing is sent until it answers`
      : 'authorize failed; nothing is sent until it answers';
    const code = isLate ? 'authorize_timeout' : 'authorize_failed';
    onError(new SseTriggerError(code, message, { route: this.#path, cause }));
    for (const member of membersOf(this.#members)) member.unanswered();
  }

  // The decisions, apart from the rest so that the simulation can run with each of them made wrongly.

  /** Whether anything may be sent now to whom the answers to that call and to later ones are for. */
  allows(ask = 0): boolean {
    return this.#yesTo >= ask && this.#context.clock.now() < this.#yesUntil;
  }

  /** An answer counts unless what it depends on has changed since it was asked for. */
  protected counts({ isStale }: { readonly isStale: boolean }): boolean {
    return !isStale;
  }

  /** Ends the streams of all who were refused, before anything else is sent. */
  protected refuse(ask: number, answer?: unknown): void {
    this.#failures = 0;
    this.#yesUntil = NEVER;
    // Somebody may stay, who waits for another answer.
    this.#stopAsking();
    this.#stopExpiry?.();
    for (const member of membersOf(this.#members)) member.refused(ask, answer);
  }
}
