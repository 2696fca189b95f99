import type { Applicant } from './applicant.ts';
import type { Engine } from './engine.ts';
import { isAnswer, SseTriggerError, type SseTriggerErrorCode } from './errors.ts';
import type { FeedConnection } from './feed-connection.ts';
import type { FeedRequest } from './feeds.ts';
import type { GuardPlan } from './guard-plan.ts';
import { requireKeys } from './key.ts';
import { type Admission, type Denial, isAwaited, StreamHandler } from './stream-handler.ts';
import type { FeedPlan, StreamPlan } from './stream-plan.ts';
import { type Subject, toSubject } from './subject.ts';
import { Viewers } from './viewers.ts';
import type { Visit } from './visit.ts';

const NOBODY: Denial = { status: 401, why: 'This stream is for somebody who is signed in.' };
const REFUSED: Denial = { status: 403, why: 'This stream is not for you.' };

/** What takes all requests of one route, whose streams share runs, frames, permissions and limits. */
export function streamRoute(engine: Engine, plan: StreamPlan, number: number): StreamHandler {
  const { guard, allowOrigins } = plan;
  const route = { ...plan.route, number, viewers: new Viewers<FeedConnection>() };

  async function admit(visit: Visit): Promise<Admission | Denial | undefined> {
    const subject = await toOne('subject', plan.subject, visit);
    if (!isAwaited(visit)) return undefined;
    if (subject === undefined && plan.subject !== undefined) return NOBODY;
    const viewer = await toOne('viewer', plan.viewer, visit);
    if (!isAwaited(visit)) return undefined;
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
    const { path } = visit;
    const toKey = () => key?.(whose.subject.value, whose.viewer?.value);
    const keys = key === undefined ? [] : requireKeys(await orTrouble('key_failed', path, toKey));
    if (!isAwaited(visit)) return undefined;
    const applicant = engine.apply(route.number, { rule, keys, ...whose }, path);
    const release = () => applicant.leave();
    const stop = visit.onGone(release);
    try {
      const verdict = await applicant.verdict;
      if (isAwaited(visit)) {
        if (verdict.is !== 'refused') return { ...(await toStream(visit, whose, applicant)), release };
        if (verdict.answer !== undefined) throw verdict.answer;
      }
    } catch (error) {
      release();
      throw error;
    } finally {
      stop();
    }
    release();
    return isAwaited(visit) ? REFUSED : undefined;
  }

  async function toStream(
    visit: Visit,
    { subject, viewer }: { readonly subject: Subject | undefined; readonly viewer: Subject | undefined },
    applicant: Applicant | undefined,
  ): Promise<Admission> {
    const { path } = visit;
    const feeds = await Promise.all(plan.feeds.map((feed) => toFeed(feed, subject, path)));
    const lastEventId = visit.header('last-event-id');
    const stream = { route, feeds, viewer: (viewer ?? subject)?.text, applicant, lastEventId, path };
    return { open: (sink) => engine.open({ ...stream, sink }) };
  }

  return new StreamHandler({ engine, retry: route.retry, allowOrigins, admit });
}

async function toOne(
  name: 'subject' | 'viewer',
  ask: ((request: unknown) => unknown) | undefined,
  { request, path }: Visit,
): Promise<Subject | undefined> {
  return ask && toSubject(await orTrouble(`${name}_failed`, path, () => ask(request)), name);
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
