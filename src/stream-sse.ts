import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request } from 'express';
import type { Engine, FeedRequest, Route } from './engine.ts';
import { SseTriggerError, type SseTriggerErrorCode } from './errors.ts';
import { requireKeys } from './key.ts';
import { isAllowedOrigin, isGone, isPipelined, postpone, refuse, sendHead, toSink } from './request.ts';
import { LATER, type Range } from './retry.ts';
import type { StreamOptions } from './stream-options.ts';
import { type FeedPlan, type StreamPlan, toStreamPlan } from './stream-plan.ts';
import { type Subject, toSubject } from './subject.ts';
import { ENGINE, type SseTrigger } from './trigger.ts';

/** Express middleware, which also stands beside any other or in a plain `http` server. */
export type Handler = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

/**
 * Middleware that keeps a response open and sends what `data` gives: when a client comes, unless it shows that already,
 * and whenever a key was pushed. In between it sends comments as heartbeats.
 *
 * It answers 401 without a subject, 403 to pages of other sites, 405 to anything but GET and HEAD. Trouble that passes
 * is told to `onError` and answered so that the browser comes back later; an error with a `status` from 400 to 499, and
 * a subject or key that cannot be one, go to `next`.
 *
 * @throws TypeError for an option that does not exist or cannot be meant.
 */
export function streamSse<S extends {}, R extends IncomingMessage = Request, K extends string = string>(
  trigger: SseTrigger<K>,
  options: StreamOptions<S, R, NoInfer<K>>,
): Handler {
  const engine: Engine | undefined = (trigger as SseTrigger | undefined)?.[ENGINE];
  if (engine === undefined) {
    throw new TypeError(
      'streamSse needs an SseTrigger of the same copy of sse-trigger: streamSse(trigger, { … })',
    );
  }
  const handler = new StreamHandler(engine, toStreamPlan(options));
  return (req, res, next) => {
    handler.handle(req, res).catch(next);
  };
}

class StreamHandler {
  readonly #engine: Engine;
  readonly #plan: StreamPlan;
  readonly #route: Route;
  #hasWarned = false;

  constructor(engine: Engine, plan: StreamPlan) {
    this.#engine = engine;
    this.#plan = plan;
    this.#route = { ...plan.route, number: engine.nextRoute() };
  }

  /** Rejects with what is for the application's error handler. */
  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { allowOrigins } = this.#plan;
    if (res.headersSent) {
      throw new Error(
        'a stream needs a response whose head was not sent: is streamSse mounted twice, or after an answer?',
      );
    }
    if (req.method === 'HEAD') {
      sendHead(req, res, allowOrigins);
      res.end();
      return;
    }
    if (req.method !== 'GET') {
      res.setHeader('Allow', 'GET, HEAD');
      return this.#refuse(res, 405, 'A stream is read with GET.');
    }
    if (!isAllowedOrigin(req, allowOrigins)) {
      this.#warnOfOrigin(req);
      return this.#refuse(res, 403, 'This stream is for pages of its own site.');
    }
    if (isPipelined(req, res)) return this.#postpone(req, res, this.#route.retry);
    try {
      await this.#open(req, res);
    } catch (error) {
      const isTrouble = error instanceof SseTriggerError;
      if (isTrouble) this.#engine.onError(error);
      if (isGone(req, res)) return;
      if (!isTrouble) throw error;
      if (!res.headersSent) this.#postpone(req, res, LATER);
    }
  }

  async #open(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { subject: ask, feeds: plans, allowOrigins } = this.#plan;
    const path = pathOf(req);
    let subject: Subject | undefined;
    if (ask !== undefined) {
      subject = toSubject(await orTrouble('subject_failed', path, () => ask(req)));
      if (isGone(req, res) || res.headersSent) return;
      if (subject === undefined)
        return this.#refuse(res, 401, 'This stream is for somebody who is signed in.');
    }
    const feeds = await Promise.all(plans.map((plan) => toFeed(plan, subject, path)));
    if (isGone(req, res) || res.headersSent) return;
    const { refuses } = this.#engine;
    // The process that takes its place may be up already, so the browser had better not wait long.
    if (refuses === 'draining') return this.#postpone(req, res, this.#route.retry);
    if (refuses === 'full')
      throw new SseTriggerError('streams_full', 'maxStreams are open already', { route: path });
    sendHead(req, res, allowOrigins);
    this.#engine.open({
      route: this.#route,
      sink: toSink(req, res),
      feeds,
      viewer: subject && `${this.#route.number} ${subject.text}`,
      lastEventId: req.headers['last-event-id'],
      path,
    });
  }

  #postpone(req: IncomingMessage, res: ServerResponse, retry: Range): void {
    this.#engine.countRefused();
    postpone(req, res, this.#plan.allowOrigins, this.#engine.pick(retry));
  }

  #refuse(res: ServerResponse, status: 401 | 403 | 405, why: string): void {
    this.#engine.countRefused();
    refuse(res, status, why);
  }

  #warnOfOrigin({ headers }: IncomingMessage): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const who = headers.origin ?? `a ${headers['sec-fetch-site'] ?? 'unknown'} page`;
    process.emitWarning(
      `a stream was refused to ${who}; if its pages may open it, list the origin in allowOrigins`,
      {
        code: 'SSE_TRIGGER_ORIGIN',
      },
    );
  }
}

async function toFeed(
  { key, eventName, data }: FeedPlan,
  subject: Subject | undefined,
  path: string | undefined,
): Promise<FeedRequest> {
  if (typeof key !== 'function') return { keys: key, eventName, subject: undefined, data: () => data() };
  const value = subject?.value;
  const keys = requireKeys(await orTrouble('key_failed', path, () => key(value)));
  return { keys, eventName, subject, data: (signal) => data(value, { signal }) };
}

/** Calls the application. What it throws is passing trouble, unless it has a `status` that is the client's fault. */
async function orTrouble(
  code: SseTriggerErrorCode,
  route: string | undefined,
  call: () => unknown,
): Promise<unknown> {
  try {
    return await call();
  } catch (cause) {
    const { status } = Object(cause) as { status?: unknown };
    if (typeof status === 'number' && status >= 400 && status < 500) throw cause;
    throw new SseTriggerError(code, 'a stream could not be opened; its client is told to come back later', {
      route,
      cause,
    });
  }
}

/** The route as Express knows it, or else the path, so that errors of one route have one name. */
function pathOf(req: IncomingMessage): string {
  const { baseUrl = '', route } = req as { baseUrl?: string; route?: { path?: unknown } };
  return baseUrl + (typeof route?.path === 'string' ? route.path : (req.url?.split('?', 1)[0] ?? ''));
}
