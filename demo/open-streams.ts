import type { RequestHandler, Response } from 'express';

/**
 * The streams that each session has open. What a stream may show is settled when it opens, so it ends when somebody
 * signs in or out: the browser comes back by itself, and gets what its session may see then.
 */
export class OpenStreams {
  readonly #bySession = new Map<string, Set<Response>>();

  /** Stands before a stream. */
  readonly register: RequestHandler = (req, res, next) => {
    // Kept, since a stream leaves its session as soon as it is open.
    const { sessionID } = req;
    const streams = this.#bySession.get(sessionID) ?? new Set();
    this.#bySession.set(sessionID, streams.add(res));
    res.once('close', () => {
      streams.delete(res);
      if (streams.size === 0) this.#bySession.delete(sessionID);
    });
    next();
  };

  end(sessionID: string): void {
    for (const res of this.#bySession.get(sessionID) ?? []) res.end();
  }
}
