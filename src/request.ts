import type { IncomingMessage, ServerResponse } from 'node:http';
import { encodeEvent } from './server-event.ts';

/** Any middleware's last argument. */
export type Next = (error?: unknown) => void;

/** An answer after which an EventSource does not come back. */
export interface GiveUp {
  readonly status: 204 | 401 | 403 | 405;
  /** For people who look. */
  readonly why?: string;
}

const HEAD = Object.entries({
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
});
const VARY = 'Cookie, Origin';

/** Whether nobody waits for an answer any more. */
export function isGone(req: IncomingMessage, res: ServerResponse): boolean {
  return res.destroyed || res.writableEnded || req.socket.destroyed;
}

/**
 * Whether the response waits behind another one on its connection (HTTP/1.1 pipelining). Node does not tell such a
 * response when the client is gone, so it cannot be a stream.
 */
export function isPipelined(req: IncomingMessage, res: ServerResponse): boolean {
  return req.httpVersionMajor < 2 && res.socket === null;
}

/**
 * Whether the page that asks may open the stream: one of the same site's own, or of an origin in `allowed`. The rules
 * are those of Fetch Metadata (https://www.w3.org/TR/fetch-metadata/): a client that sends none is held to its Origin.
 */
export function isAllowedOrigin({ headers }: IncomingMessage, allowed: readonly string[] | '*'): boolean {
  const { origin, 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest } = headers;
  if (mode === 'navigate' || (dest !== undefined && dest !== 'empty')) return false;
  if (allowed === '*' || (origin !== undefined && allowed.includes(origin))) return true;
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  return origin === undefined || isOwnOrigin(origin, headers[':authority'] ?? headers.host);
}

/** The authority is what HTTP/2 has in place of the host. */
function isOwnOrigin(origin: string, host: unknown): boolean {
  return URL.canParse(origin) && new URL(origin).host === host;
}

/** Makes the head of a stream, which goes out with its first bytes. What the application has set already stays. */
export function setHead(req: IncomingMessage, res: ServerResponse, allowed: readonly string[] | '*'): void {
  if (res.statusCode !== 200) res.statusCode = 200;
  const present = res.getHeaderNames();
  for (const [name, value] of HEAD) if (!present.includes(name.toLowerCase())) res.setHeader(name, value);
  shareWith(allowed, req, res);
  if (present.includes('etag')) res.removeHeader('ETag');
  // The connection ends with its stream, so that after a drain nobody comes back on it to a server that goes away.
  res.shouldKeepAlive = false;
}

/** Sends the head of a stream that ends at once. */
export function sendHead(req: IncomingMessage, res: ServerResponse, allowed: readonly string[] | '*'): void {
  setHead(req, res, allowed);
  res.flushHeaders();
  leaveSession(req);
}

/** Answers that all is well but not now: any other status makes an EventSource give up for good. */
export function postpone(
  req: IncomingMessage,
  res: ServerResponse,
  allowed: readonly string[] | '*',
  retry: number,
): void {
  sendHead(req, res, allowed);
  res.end(encodeEvent({ comment: 'later', retry }));
}

/** Answers with a status that makes an EventSource give up. */
export function giveUp(
  req: IncomingMessage,
  res: ServerResponse,
  allowed: readonly string[] | '*',
  { status, why }: GiveUp,
): void {
  res.statusCode = status;
  res.setHeader('Cache-Control', 'no-store');
  // A page of another origin that may not know the status would take it for a lost connection, and come back.
  shareWith(allowed, req, res);
  if (why === undefined) {
    res.end();
  } else {
    res.setHeader('Content-Type', 'text/plain; charset=utf-8');
    res.end(`${why}\n`);
  }
}

/**
 * express-session writes its whole copy of the session back when the response ends, hours later with a stream, and may
 * so undo a logout. Without an id it leaves the store alone. To be called when the head has gone out, and with it perhaps
 * a cookie.
 */
export function leaveSession(req: IncomingMessage & { sessionID?: string | undefined }): void {
  if (req.sessionID !== undefined) req.sessionID = undefined;
}

/** Lets pages of the origins in `allowed` see the answer. */
function shareWith(
  allowed: readonly string[] | '*',
  { headers }: IncomingMessage,
  res: ServerResponse,
): void {
  const { origin } = headers;
  if (allowed === '*') {
    setDefault(res, 'Access-Control-Allow-Origin', '*');
  } else if (origin !== undefined && allowed.includes(origin)) {
    setDefault(res, 'Access-Control-Allow-Origin', origin);
    setDefault(res, 'Access-Control-Allow-Credentials', 'true');
  }
  appendVary(res);
}

function setDefault(res: ServerResponse, name: string, value: string): void {
  if (!res.hasHeader(name)) res.setHeader(name, value);
}

function appendVary(res: ServerResponse): void {
  const present = res.getHeader('Vary');
  if (!present) {
    res.setHeader('Vary', VARY);
    return;
  }
  const names = String(present)
    .split(',')
    .map((name) => name.trim().toLowerCase());
  if (names.includes('*')) return;
  const missing = VARY.split(', ').filter((name) => !names.includes(name.toLowerCase()));
  if (missing.length > 0) res.setHeader('Vary', [present, ...missing].join(', '));
}
