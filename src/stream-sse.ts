import type { IncomingMessage } from 'node:http';
import type { Request } from 'express';
import type { Applicant } from './applicant.ts';
import { isAnswer, SseTriggerError, type SseTriggerErrorCode } from './errors.ts';
import type { FeedConnection } from './feed-connection.ts';
import type { FeedRequest } from './feeds.ts';
import type { GuardPlan } from './guard-plan.ts';
import { requireKeys } from './key.ts';
import {
  type Admission,
  type Denial,
  engineOf,
  type Handler,
  StreamHandler,
  type Visit,
} from './stream-handler.ts';
import type { StreamOptions } from './stream-options.ts';
import { type FeedPlan, toStreamPlan } from './stream-plan.ts';
import { type Subject, toSubject } from './subject.ts';
import type { SseTrigger } from './trigger.ts';
import { Viewers } from './viewers.ts';

const NOBODY: Denial = { status: 401, why: 'This stream is for somebody who is signed in.' };
const REFUSED: Denial = { status: 403, why: 'This stream is not for you.' };

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
  const plan = toStreamPlan(options);
  const { guard, allowOrigins } = plan;
  const route = { ...plan.route, number: engine.nextRoute(), viewers: new Viewers<FeedConnection>() };

  async function admit(visit: Visit): Promise<Admission | Denial | undefined> {
    const { isAwaited } = visit;
    const subject = await toOne('subject', plan.subject, visit);
    if (!isAwaited()) return undefined;
    if (subject === undefined && plan.subject !== undefined) return NOBODY;
    const viewer = await toOne('viewer', plan.viewer, visit);
    if (!isAwaited()) return undefined;
    if (viewer === undefined && plan.viewer !== undefined) return NOBODY;
    const whose = { subject, viewer };
    if (guard === undefined || subject === undefined) return toStream(visit, whose, undefined);
    return ifPermitted(guard, { subject, viewer }, visit);
  }

  /** Asks for keys only on behalf of who may look: they may say what there is. */
  async function ifPermitted(
    { rule, key }: GuardPlan,
    whose: { readonly subject: Subject; readonly viewer: Subject | undefined },
    visit: Visit,
  ): Promise<Admission | Denial | undefined> {
    const { path, isAwaited, onGone } = visit;
    const toKey = () => key?.(whose.subject.value, whose.viewer?.value);
    const keys = key === undefined ? [] : requireKeys(await orTrouble('key_failed', path, toKey));
    if (!isAwaited()) return undefined;
    const applicant = engine.apply(route.number, { rule, keys, ...whose }, path);
    const release = () => applicant.leave();
    const stop = onGone(release);
    try {
      const verdict = await applicant.verdict;
      if (verdict.is !== 'refused') return { ...(await toStream(visit, whose, applicant)), release };
      if (verdict.answer !== undefined) throw verdict.answer;
    } catch (error) {
      release();
      throw error;
    } finally {
      stop();
    }
    release();
    return REFUSED;
  }

  async function toStream(
    { req, path }: Visit,
    { subject, viewer }: { readonly subject: Subject | undefined; readonly viewer: Subject | undefined },
    applicant: Applicant | undefined,
  ): Promise<Admission> {
    const feeds = await Promise.all(plan.feeds.map((feed) => toFeed(feed, subject, path)));
    const lastEventId = req.headers['last-event-id'];
    const stream = { route, feeds, viewer: (viewer ?? subject)?.text, applicant, lastEventId, path };
    return { open: (sink) => engine.open({ ...stream, sink }) };
  }

  return new StreamHandler({ engine, retry: route.retry, allowOrigins, admit }).middleware;
}

async function toOne(
  name: 'subject' | 'viewer',
  ask: ((req: IncomingMessage) => unknown) | undefined,
  { req, path }: Visit,
): Promise<Subject | undefined> {
  return ask && toSubject(await orTrouble(`${name}_failed`, path, () => ask(req)), name);
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
    if (isAnswer(cause)) throw cause;
    throw new SseTriggerError(code, 'a stream could not be opened; its client is told to come back later', {
      route,
      cause,
    });
  }
}
