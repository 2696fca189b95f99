import type { IncomingMessage } from 'node:http';
import type { Request } from 'express';
import { CONNECTION_OPTIONS, toConnectionPlan } from './connection-plan.ts';
import { SseTriggerError } from './errors.ts';
import { requireFunction, requireKnown } from './option-checks.ts';
import { COMPLETE, type ServerEvent } from './server-event.ts';
import { type Handler, toMiddleware } from './servers/middleware.ts';
import { type Admission, type Denial, engineOf, StreamHandler } from './stream-handler.ts';
import type { ConnectionSettings } from './stream-options.ts';
import type { SseTrigger } from './trigger.ts';
import type { Visit } from './visit.ts';

/** One stream that a source feeds. */
export interface SourceRun {
  /** Aborted when the stream ends, by whichever side: hand it on to whatever the source waits for. */
  readonly signal: AbortSignal;
  /** The `id` of the last event that the client got of an earlier stream, if it comes back; sent by it, so check it. */
  readonly lastEventId: string | undefined;
}

/** What feeds a stream, as a rule an async generator. */
export type Source<R = Request> = (req: R, run: SourceRun) => AsyncIterable<ServerEvent>;

export type EventStreamOptions = ConnectionSettings;

/**
 * Middleware for a stream that watches nothing: each client gets the events that a source of its own yields, such as the
 * progress of a job. The source is asked for the next event when the client has taken what it was sent before, and runs
 * in the async context of its request.
 *
 * When the source returns, the stream ends with an event of the type 'sse-trigger-complete', and a client that comes back
 * with the id of that gets 204, upon which an EventSource gives up. When the client leaves before, and when the stream
 * reaches its `lifetime` or the server drains, `signal` is aborted and the generator made to return, so that its
 * `finally` runs; a client comes back with the last `id` that was yielded. A source that throws, or yields what is no
 * event, is told to `onError` and its client comes back later.
 *
 * Whoever may not see the stream is refused by a middleware before this one, which can also limit how many streams one
 * may have: here there is only the trigger's `maxStreams`. Origins and methods are held to as by `streamSse`. The stream
 * is off its session by the time the source runs: `req.session` can be read, `req.sessionID` is undefined, and changes
 * are not saved.
 *
 * @throws TypeError for an option that does not exist or cannot be meant.
 */
export function eventStream<R extends IncomingMessage = Request, K extends string = string>(
  trigger: SseTrigger<K>,
  source: Source<R>,
  options: EventStreamOptions = {},
): Handler {
  const engine = engineOf(trigger, 'eventStream');
  requireFunction('source', source, 'async function* (req, { signal, lastEventId }) { yield { data: 1 }; }');
  requireKnown('eventStream', options, CONNECTION_OPTIONS);
  const { timing, allowOrigins } = toConnectionPlan(options, true);

  async function admit(visit: Visit): Promise<Admission | Denial> {
    const { path: route } = visit;
    const req = visit.request as R;
    const lastEventId = toText(visit.header('last-event-id'));
    if (lastEventId === COMPLETE.id) return { status: 204 };
    return {
      open(sink) {
        void engine.openSource({
          path: route,
          timing,
          sink,
          source: (signal) => source(req, { signal, lastEventId }),
          onError(cause) {
            const message = 'a source failed; its client comes back later';
            engine.onError(new SseTriggerError('source_failed', message, { route, cause }));
          },
        });
      },
    };
  }

  return toMiddleware(new StreamHandler({ engine, retry: timing.retry, allowOrigins, admit }));
}

/** Browsers send the id as UTF-8, which Node takes for Latin-1. */
function toText(lastEventId: string | undefined): string | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  return Buffer.from(lastEventId, 'latin1').toString();
}
