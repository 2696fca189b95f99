import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { routeOf } from './known-routes.ts';
import { NodeVisit } from './servers/node-visit.ts';
import { engineOf } from './stream-handler.ts';
import type { StreamOptions as OptionsOf } from './stream-options.ts';
import type { SseTrigger } from './trigger.ts';

/** A request of `node:http`, or of the compatibility API of `node:http2`. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;
/** The response to one. */
export type NodeResponse = ServerResponse | Http2ServerResponse;

/** The options of `openStream`: `S` is the subject, `R` the request, `U` the viewer, `K` the keys. */
export type StreamOptions<S, R = NodeRequest, U = undefined, K extends string = string> = OptionsOf<
  S,
  R,
  U,
  K
>;

/**
 * Makes a route, once, and gives its options back. The types of the trigger's keys and of the subject flow through it
 * to the callbacks, as they do in a call.
 *
 * @throws TypeError for an option that does not exist or cannot be meant.
 */
export function streamOptions<
  S extends {},
  U = undefined,
  R extends NodeRequest = NodeRequest,
  K extends string = string,
>(trigger: SseTrigger<K>, options: StreamOptions<S, R, U, NoInfer<K>>): StreamOptions<S, R, U, K> {
  routeOf(engineOf(trigger, 'streamOptions'), options, 'streamOptions');
  return options;
}

/**
 * Answers a request with a stream of what `data` gives, as `streamSse` does as a middleware. Make the options once,
 * outside the handler: streams of one options object are one route, and share runs, frames, permissions and limits. Those
 * of options made anew share nothing, and a process warning says so.
 *
 * Resolves when the stream is open or something else was answered; the stream lives on by itself. 401, 403 and 405, and
 * trouble that passes, are answered here.
 *
 * @throws what is for the application's error handler, before anything was sent: an error with a `status` from 400 to
 *   499 that a callback threw, a TypeError for a subject, viewer or key that cannot be one, and for an option that does
 *   not exist or cannot be meant; an Error when the head has been sent already.
 */
export async function openStream<
  S extends {},
  R extends NodeRequest,
  U = undefined,
  K extends string = string,
>(
  trigger: SseTrigger<K>,
  req: R,
  res: NodeResponse,
  options: StreamOptions<S, R, U, NoInfer<K>>,
): Promise<void> {
  const route = routeOf(engineOf(trigger, 'openStream'), options, 'openStream');
  requireNode(req, res);
  // Those of HTTP/2 can be used as those of HTTP/1.1, though their types say nothing of it.
  await route.handle(new NodeVisit(req as IncomingMessage, res as ServerResponse));
}

/** Frameworks have objects of their own beside them, of much the same look. */
function requireNode(req: Partial<NodeRequest> | undefined, res: Partial<NodeResponse> | undefined): void {
  if (typeof req?.resume === 'function' && typeof res?.setHeader === 'function') return;
  throw new TypeError(
    'openStream needs the request and the response of Node: request.raw and reply.raw of Fastify, ctx.req and ctx.res of Koa; ' +
      "for a Request that a Response answers there is streamResponse in 'sse-trigger/fetch'",
  );
}
