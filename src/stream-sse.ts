import type { IncomingMessage } from 'node:http';
import type { Request } from 'express';
import type { Sink } from './connection.ts';
import { SseTriggerError, type SseTriggerErrorCode } from './errors.ts';
import type { FeedConnection } from './feed-connection.ts';
import type { FeedRequest } from './feeds.ts';
import { requireKeys } from './key.ts';
import { engineOf, type Handler, StreamHandler } from './stream-handler.ts';
import type { StreamOptions } from './stream-options.ts';
import { type FeedPlan, toStreamPlan } from './stream-plan.ts';
import { type Subject, toSubject } from './subject.ts';
import type { SseTrigger } from './trigger.ts';
import { Viewers } from './viewers.ts';

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
  const engine = engineOf(trigger, 'streamSse');
  const { subject: ask, feeds: plans, allowOrigins, route: settings } = toStreamPlan(options);
  const route = { ...settings, number: engine.nextRoute(), viewers: new Viewers<FeedConnection>() };

  async function admit(req: IncomingMessage, path: string, isAwaited: () => boolean) {
    let subject: Subject | undefined;
    if (ask !== undefined) {
      subject = toSubject(await orTrouble('subject_failed', path, () => ask(req)));
      if (!isAwaited()) return undefined;
      if (subject === undefined) {
        return { status: 401, why: 'This stream is for somebody who is signed in.' } as const;
      }
    }
    const feeds = await Promise.all(plans.map((feed) => toFeed(feed, subject, path)));
    const lastEventId = req.headers['last-event-id'];
    return (sink: Sink) => engine.open({ route, sink, feeds, viewer: subject?.text, lastEventId, path });
  }

  return new StreamHandler({ engine, retry: route.retry, allowOrigins, admit }).middleware;
}

async function toFeed(source: FeedPlan, subject: Subject | undefined, path: string): Promise<FeedRequest> {
  const { key } = source;
  if (typeof key !== 'function') return { source, keys: key, subject: undefined };
  const keys = requireKeys(await orTrouble('key_failed', path, () => key(subject?.value)));
  return { source, keys, subject };
}

/** Calls the application. What it throws is passing trouble, unless it has a `status` that is the client's fault. */
async function orTrouble(code: SseTriggerErrorCode, route: string, call: () => unknown): Promise<unknown> {
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
