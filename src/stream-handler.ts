import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Sink } from './connection.ts';
import type { Engine } from './engine.ts';
import { SseTriggerError } from './errors.ts';
import {
  type GiveUp,
  giveUp,
  isAllowedOrigin,
  isGone,
  isPipelined,
  type Next,
  postpone,
  sendHead,
  setHead,
} from './request.ts';
import { ResponseSink } from './response-sink.ts';
import { LATER, type Range } from './retry.ts';
import type { Refusal } from './stats.ts';
import { ENGINE, type SseTrigger } from './trigger.ts';

/** Express middleware, which also stands beside any other or in a plain `http` server. */
export type Handler = (req: IncomingMessage, res: ServerResponse, next: Next) => void;

/** A request as it is seen while it is decided whether it becomes a stream. */
export interface Visit {
  readonly req: IncomingMessage;
  /** For errors. */
  readonly path: string;
  readonly isAwaited: () => boolean;
  /** Calls `leave` when the client goes. Returns its stop. */
  readonly onGone: (leave: () => void) => () => void;
}

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
  readonly allowOrigins: readonly string[] | '*';
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

/** What every stream goes through before its first byte: method, origin, admission, limits, head. */
export class StreamHandler {
  readonly #options: StreamHandlerOptions;
  #hasWarned = false;

  constructor(options: StreamHandlerOptions) {
    this.#options = options;
  }

  readonly middleware: Handler = (req, res, next) => {
    this.#handle(req, res).catch(next);
  };

  /** Rejects with what is for the application's error handler. */
  async #handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { engine, retry, allowOrigins } = this.#options;
    if (res.headersSent) {
      throw new Error(
        'a stream needs a response whose head was not sent: is it mounted twice, or after an answer?',
      );
    }
    if (req.method === 'HEAD') {
      sendHead(req, res, allowOrigins);
      res.end();
      return;
    }
    if (req.method !== 'GET') {
      res.setHeader('Allow', 'GET, HEAD');
      return this.#giveUp(req, res, { status: 405, why: 'A stream is read with GET.' }, 'method');
    }
    if (!isAllowedOrigin(req, allowOrigins)) {
      this.#warnOfOrigin(req);
      return this.#giveUp(
        req,
        res,
        { status: 403, why: 'This stream is for pages of its own site.' },
        'origin',
      );
    }
    if (isPipelined(req, res)) return this.#postpone(req, res, retry, 'pipelined');
    try {
      await this.#open(req, res);
    } catch (error) {
      const isTrouble = error instanceof SseTriggerError;
      if (isTrouble) engine.onError(error);
      if (isGone(req, res)) return;
      if (!isTrouble) {
        engine.countRefused('failed');
        throw error;
      }
      const why = error.code === 'streams_full' ? 'full' : 'failed';
      if (!res.headersSent) this.#postpone(req, res, LATER, why);
    }
  }

  async #open(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { engine, allowOrigins, admit } = this.#options;
    const path = pathOf(req);
    const isAwaited = () => !isGone(req, res) && !res.headersSent;
    const onGone = (leave: () => void) => {
      res.once('close', leave);
      return () => void res.off('close', leave);
    };
    await engine.turn();
    // The application need not be asked on behalf of who may not stay.
    if (!isAwaited() || this.#hasNoRoom(req, res, path)) return;
    const admission = await admit({ req, path, isAwaited, onGone });
    if (admission === undefined) return;
    try {
      if (!isAwaited()) return;
      if ('status' in admission) {
        this.#giveUp(req, res, admission, WHY[admission.status]);
      } else if (!this.#hasNoRoom(req, res, path)) {
        setHead(req, res, allowOrigins);
        admission.open(new ResponseSink(req, res));
      }
    } finally {
      if ('release' in admission) admission.release?.();
    }
  }

  #hasNoRoom(req: IncomingMessage, res: ServerResponse, route: string): boolean {
    const { engine, retry } = this.#options;
    if (engine.refuses === 'full') {
      throw new SseTriggerError('streams_full', 'maxStreams are open already', { route });
    }
    if (engine.refuses !== 'draining') return false;
    // The process that takes its place may be up already, so the browser had better not wait long.
    this.#postpone(req, res, retry, 'draining');
    return true;
  }

  #postpone(req: IncomingMessage, res: ServerResponse, retry: Range, why: Refusal): void {
    const { engine, allowOrigins } = this.#options;
    engine.countRefused(why);
    postpone(req, res, allowOrigins, engine.pick(retry));
  }

  #giveUp(req: IncomingMessage, res: ServerResponse, answer: GiveUp, why: Refusal | undefined): void {
    const { engine, allowOrigins } = this.#options;
    if (why !== undefined) engine.countRefused(why);
    giveUp(req, res, allowOrigins, answer);
  }

  #warnOfOrigin({ headers }: IncomingMessage): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const who = headers.origin ?? `a ${headers['sec-fetch-site'] ?? 'unknown'} page`;
    process.emitWarning(
      `a stream was refused to ${who}; if its pages may open it, list the origin in allowOrigins`,
      { code: 'SSE_TRIGGER_ORIGIN' },
    );
  }
}

/** The route as Express knows it, or else the path, so that errors of one route have one name. */
function pathOf(req: IncomingMessage): string {
  const { baseUrl = '', route } = req as { baseUrl?: string; route?: { path?: unknown } };
  return baseUrl + (typeof route?.path === 'string' ? route.path : (req.url?.split('?', 1)[0] ?? ''));
}
