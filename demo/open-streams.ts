import type { RequestHandler, Response } from 'express';

/**
 * The streams of this process that each session has open and that ask nobody whether they may go on: those of
 * `eventStream`. They end when somebody signs in or out: the browser comes back by itself, and gets what it may see then.
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
