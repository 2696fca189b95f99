import { once } from 'node:events';
import type { Request } from 'express';
import type { ServerEvent, SourceRun } from 'sse-trigger';
import type { Sessions } from './sessions.ts';
import { usersOf } from './sign-in.ts';

/**
 * Hands on what a source of `eventStream` yields, until somebody signs in or out on the screen that asked, in whatever
 * process: then the stream ends, and the browser comes back by itself, and gets what it may see now.
 */
export async function* whileSignedIn(
  sessions: Sessions,
  req: Request,
  events: AsyncIterable<ServerEvent>,
  { signal }: SourceRun,
): AsyncGenerator<ServerEvent> {
  for await (const event of events) {
    if (!(await sessions.isOf(usersOf(req), req.session.id))) {
      // To return would say that this was all.
      req.res?.end();
      if (!signal.aborted) await once(signal, 'abort');
      return;
    }
    yield event;
  }
}
