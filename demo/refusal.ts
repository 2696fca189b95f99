import type { ErrorRequestHandler } from 'express';

/** An answer that tells people what to do differently. */
export class Refusal extends Error {
  readonly status: 400 | 401 | 403 | 404 | 503;

  constructor(status: Refusal['status'], message: string) {
    super(message);
    this.status = status;
  }
}

/** Answers a Refusal, or what Express itself refuses. Anything else is a fault of ours, of which nobody outside is told more. */
export const answerErrors: ErrorRequestHandler = (error, _req, res, next) => {
  const { status = 500, message } = Object(error) as Partial<Refusal>;
  if (res.headersSent) return next(error);
  if (error instanceof Refusal || status < 500) {
    res.status(status).json({ error: message });
  } else {
    console.error(error);
    res.status(500).json({ error: 'Something went wrong on the server.' });
  }
};
