import type { IncomingMessage } from 'node:http';
import type { Request } from 'express';
import { type Handler, toMiddleware } from './servers/middleware.ts';
import { engineOf } from './stream-handler.ts';
import type { StreamOptions as OptionsOf } from './stream-options.ts';
import { toStreamPlan } from './stream-plan.ts';
import { streamRoute } from './stream-route.ts';
import type { SseTrigger } from './trigger.ts';

/** The options of `streamSse`: `S` is the subject, `R` the request, `U` the viewer, `K` the keys. */
export type StreamOptions<S, R = Request, U = undefined, K extends string = string> = OptionsOf<S, R, U, K>;

/**
 * Middleware that keeps a response open and sends what `data` gives: when a client comes, unless it shows that already,
 * and whenever a key was pushed. In between it sends comments as heartbeats. Who may look is watched like that, too: see
 * `authorize`.
 *
 * It answers 401 without a subject or a viewer, 403 to who may not look and to pages of other sites, 405 to anything but
 * GET and HEAD. Trouble that passes is told to `onError` and answered so that the browser comes back later; an error with
 * a `status` from 400 to 499, and a subject, viewer or key that cannot be one, go to `next`.
 *
 * @throws TypeError for an option that does not exist or cannot be meant.
 */
export function streamSse<
  S extends {},
  U = undefined,
  R extends IncomingMessage = Request,
  K extends string = string,
>(trigger: SseTrigger<K>, options: StreamOptions<S, R, U, NoInfer<K>>): Handler {
  const engine = engineOf(trigger, 'streamSse');
  const plan = toStreamPlan(options, 'streamSse');
  return toMiddleware(streamRoute(engine, plan, engine.nextRoute()));
}
