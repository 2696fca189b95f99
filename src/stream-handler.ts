import type { Sink } from './connection.ts';
import type { Engine } from './engine.ts';
import { isAnswer, SseTriggerError } from './errors.ts';
import { type GiveUp, giveUpHead, streamHead } from './head.ts';
import { isAllowedOrigin, type Origins } from './origin.ts';
import { LATER, type Range } from './retry.ts';
import { encodeEvent } from './server-event.ts';
import type { Refusal } from './stats.ts';
import { ENGINE, type SseTrigger } from './trigger.ts';
import type { Visit } from './visit.ts';

/** An answer to who gets no stream. */
export type Denial = GiveUp & { readonly status: 204 | 401 | 403 };

/** A stream that may be opened. */
export interface Admission {
  open(sink: Sink): void;
  /** Called in the end, whether or not it was opened. */
  release?(): void;
}

export interface StreamHandlerOptions {
  readonly engine: Engine;
  readonly retry: Range;
  readonly allowOrigins: Origins;
  /**
   * Says how to open the stream that is asked for, or why not; undefined when it noticed that nobody waits any more.
   * Whatever it throws is for the application's error handler, but for an SseTriggerError: that passes, and the client
   * is told to come back later.
   */
  readonly admit: (visit: Visit) => Promise<Admission | Denial | undefined>;
}

/** What an admission means that is none; 204 says that there was a stream, and all of it was seen. */
const WHY = { 204: undefined, 401: 'nobody', 403: 'permission' } as const satisfies Record<
  Denial['status'],
  Refusal | undefined
>;

/** @throws TypeError when `trigger` is no SseTrigger, or one of another copy of the package. */
export function engineOf(trigger: SseTrigger, caller: string): Engine {
  const engine = (trigger as SseTrigger | undefined)?.[ENGINE];
  if (engine !== undefined) return engine;
  throw new TypeError(`${caller} needs an SseTrigger of the same copy of sse-trigger: ${caller}(trigger, …)`);
}

/** Whether it is of any use to go on. */
export function isAwaited(visit: Visit): boolean {
  return !visit.isGone && !visit.isAnswered;
}

/** What every stream goes through before its first byte: method, origin, admission, limits, head. */
export class StreamHandler {
  readonly #options: StreamHandlerOptions;
  #hasWarned = false;

  constructor(options: StreamHandlerOptions) {
    this.#options = options;
  }

  /** Resolves when there is an answer, or nobody waits for one. Rejects with what is for the application's error handler. */
  async handle(visit: Visit): Promise<void> {
    const { engine, retry, allowOrigins } = this.#options;
    if (visit.isAnswered) {
      throw new Error(
        'a stream needs a response whose head was not sent: is it mounted twice, or after an answer?',
      );
    }
    if (visit.method === 'HEAD') return visit.answer(this.#head(visit));
    if (visit.method !== 'GET') {
      return this.#giveUp(visit, { status: 405, why: 'A stream is read with GET.' }, 'method');
    }
    if (!isAllowedOrigin(visit, allowOrigins)) {
      this.#warnOfOrigin(visit);
      return this.#giveUp(visit, { status: 403, why: 'This stream is for pages of its own site.' }, 'origin');
    }
    if (visit.isPipelined) return this.#postpone(visit, retry, 'pipelined');
    try {
      await this.#open(visit);
    } catch (error) {
      const isTrouble = error instanceof SseTriggerError;
      if (isTrouble) engine.onError(error);
      if (visit.isGone) return;
      if (!isTrouble) {
        engine.countRefused(isAnswer(error) ? 'answered' : 'failed');
        throw error;
      }
      const why = error.code === 'streams_full' ? 'full' : 'failed';
      if (!visit.isAnswered) this.#postpone(visit, LATER, why);
    }
  }

  async #open(visit: Visit): Promise<void> {
    const { engine, admit } = this.#options;
    await engine.turn();
    // The application need not be asked on behalf of who may not stay.
    if (!isAwaited(visit) || this.#hasNoRoom(visit)) return;
    const admission = await admit(visit);
    if (admission === undefined) return;
    try {
      if (!isAwaited(visit)) return;
      if ('status' in admission) this.#giveUp(visit, admission, WHY[admission.status]);
      else if (!this.#hasNoRoom(visit)) admission.open(visit.stream(this.#head(visit)));
    } finally {
      if ('release' in admission) admission.release?.();
    }
  }

  #hasNoRoom(visit: Visit): boolean {
    const { engine, retry } = this.#options;
    if (engine.refuses === 'full') {
      throw new SseTriggerError('streams_full', 'maxStreams are open already', { route: visit.path });
    }
    if (engine.refuses !== 'draining') return false;
    // The process that takes its place may be up already, so the browser had better not wait long.
    this.#postpone(visit, retry, 'draining');
    return true;
  }

  #head(visit: Visit) {
    return streamHead(visit.header('origin'), this.#options.allowOrigins);
  }

  /** Answers that all is well but not now: any other status makes an EventSource give up for good. */
  #postpone(visit: Visit, retry: Range, why: Refusal): void {
    const { engine } = this.#options;
    engine.countRefused(why);
    visit.answer(this.#head(visit), encodeEvent({ comment: 'later', retry: engine.pick(retry) }));
  }

  #giveUp(visit: Visit, answer: GiveUp, why: Refusal | undefined): void {
    const { engine, allowOrigins } = this.#options;
    if (why !== undefined) engine.countRefused(why);
    const body = answer.why === undefined ? undefined : `${answer.why}\n`;
    visit.answer(giveUpHead(answer, visit.header('origin'), allowOrigins), body);
  }

  #warnOfOrigin(visit: Visit): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const who = visit.header('origin') ?? `a ${visit.header('sec-fetch-site') ?? 'unknown'} page`;
    process.emitWarning(
      `a stream was refused to ${who}; if its pages may open it, list the origin in allowOrigins`,
      { code: 'SSE_TRIGGER_ORIGIN' },
    );
  }
}
