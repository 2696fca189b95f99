import { routeOf } from './known-routes.ts';
import { FetchVisit } from './servers/fetch-visit.ts';
import { engineOf } from './stream-handler.ts';
import type { StreamOptions as OptionsOf } from './stream-options.ts';
import type { SseTrigger } from './trigger.ts';

/** The options of `streamResponse`: `S` is the subject, `R` the request, `U` the viewer, `K` the keys. */
export type StreamOptions<S, R = Request, U = undefined, K extends string = string> = OptionsOf<S, R, U, K>;

/** As nginx notes that a client has gone before its answer. Nobody gets to see it. */
const GONE = 499;

/**
 * Makes a route, once, and gives its options back. The types of the trigger's keys and of the subject flow through it
 * to the callbacks, as they do in a call.
 *
 * @throws TypeError for an option that does not exist or cannot be meant.
 */
export function streamOptions<
  S extends {},
  U = undefined,
  R extends Request = Request,
  K extends string = string,
>(trigger: SseTrigger<K>, options: StreamOptions<S, R, U, NoInfer<K>>): StreamOptions<S, R, U, K> {
  routeOf(engineOf(trigger, 'streamOptions'), options, 'streamOptions');
  return options;
}

/**
 * Gives a Response that is a stream of what `data` gives, with the same rules as `streamSse`. Make the options once,
 * outside the handler: streams of one options object are one route, and share runs, frames, permissions and limits. Those
 * of options made anew share nothing, and a process warning says so.
 *
 * Nothing is written ahead of who reads the body: who reads slowly gets the newest state next. The stream ends when the
 * body is cancelled and when the request's signal aborts; after `writeTimeout` without a read the body fails, and what
 * then becomes of the connection is up to the server. 401, 403 and 405, and trouble that passes, are answers too.
 *
 * @throws what is for the application's error handler: an error with a `status` from 400 to 499 that a callback threw, a
 *   TypeError for a subject, viewer or key that cannot be one, and for an option that does not exist or cannot be meant.
 */
export async function streamResponse<
  S extends {},
  R extends Request,
  U = undefined,
  K extends string = string,
>(trigger: SseTrigger<K>, request: R, options: StreamOptions<S, R, U, NoInfer<K>>): Promise<Response> {
  const route = routeOf(engineOf(trigger, 'streamResponse'), options, 'streamResponse');
  requireRequest(request);
  const visit = new FetchVisit(request);
  await route.handle(visit);
  return visit.response ?? new Response(null, { status: GONE });
}

/** By its look: some servers have a class of their own for it. */
function requireRequest(request: Partial<Request> | undefined): void {
  if (typeof request?.headers?.get === 'function' && request.signal !== undefined) return;
  throw new TypeError(
    'streamResponse needs a Request of the Fetch standard, such as c.req.raw of Hono; for the request and the response of Node ' +
      "there is openStream in 'sse-trigger/node'",
  );
}
