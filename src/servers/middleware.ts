import type { IncomingMessage, ServerResponse } from 'node:http';
import type { StreamHandler } from '../stream-handler.ts';
import { NodeVisit } from './node-visit.ts';

/** Any middleware's last argument. */
type Next = (error?: unknown) => void;

/** Express middleware, which also stands beside any other or in a plain `http` server. */
export type Handler = (req: IncomingMessage, res: ServerResponse, next: Next) => void;

/** What is for the application's error handler goes to `next`. */
export function toMiddleware(handler: StreamHandler): Handler {
  return (req, res, next) => {
    handler.handle(new NodeVisit(req, res)).catch(next);
  };
}
