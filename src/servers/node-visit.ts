import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Sink } from '../connection.ts';
import { type Head, VARY } from '../head.ts';
import type { Visit } from '../visit.ts';
import { leaveSession } from './leave-session.ts';
import { ResponseSink } from './response-sink.ts';

/** A request of `node:http`, or of the compatibility API of `node:http2`. */
export class NodeVisit implements Visit {
  readonly request: IncomingMessage;
  readonly #res: ServerResponse;

  constructor(req: IncomingMessage, res: ServerResponse) {
    this.request = req;
    this.#res = res;
  }

  get method(): string {
    return this.request.method ?? '';
  }

  /** The route as Express knows it, or else the path, so that errors of one route have one name. */
  get path(): string {
    const { baseUrl = '', route, url } = this.request as Partial<ExpressRequest>;
    return baseUrl + (typeof route?.path === 'string' ? route.path : (url?.split('?', 1)[0] ?? ''));
  }

  /** The authority is what HTTP/2 has in place of it. */
  get host(): string | undefined {
    return this.header(':authority') ?? this.header('host');
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return typeof value === 'string' ? value : undefined;
  }

  get isGone(): boolean {
    return this.#res.destroyed || this.#res.writableEnded || this.request.socket.destroyed;
  }

  get isAnswered(): boolean {
    return this.#res.headersSent;
  }

  /** Node does not tell such a response when the client is gone. */
  get isPipelined(): boolean {
    return this.request.httpVersionMajor < 2 && this.#res.socket === null;
  }

  onGone(leave: () => void): () => void {
    this.#res.once('close', leave);
    return () => void this.#res.off('close', leave);
  }

  answer(head: Head, body?: string | Buffer): void {
    const res = this.#res;
    this.#setHead(head);
    // Node cannot find it out by itself when the head goes out first; a stream has none, and a 204 may have none.
    if (head.status >= 400) res.setHeader('Content-Length', Buffer.byteLength(body ?? ''));
    res.flushHeaders();
    // Who has ended it on the way here wants that done.
    if (this.#hasSession) leaveSession(this.request);
    res.end(body);
  }

  stream(head: Head): Sink {
    this.#setHead(head);
    return new ResponseSink(this.request, this.#res);
  }

  get #hasSession(): boolean {
    const { session } = this.request as { session?: unknown };
    return session !== undefined && session !== null;
  }

  #setHead({ status, fixed, usual }: Head): void {
    const res = this.#res;
    if (res.statusCode !== status) res.statusCode = status;
    const present = res.getHeaderNames();
    for (const [name, value] of fixed) res.setHeader(name, value);
    for (const [name, value] of usual) if (!present.includes(name.toLowerCase())) res.setHeader(name, value);
    appendVary(res);
    if (status !== 200) return;
    if (present.includes('etag')) res.removeHeader('ETag');
    // The connection ends with its stream, so that after a drain nobody comes back on it to a server that goes away.
    res.shouldKeepAlive = false;
  }
}

/** What Express knows of a request. */
interface ExpressRequest {
  readonly baseUrl: string;
  readonly route: { readonly path: unknown };
  readonly url: string;
}

function appendVary(res: ServerResponse): void {
  const present = res.getHeader('Vary');
  if (!present) {
    res.setHeader('Vary', VARY.join(', '));
    return;
  }
  const names = String(present)
    .split(',')
    .map((name) => name.trim().toLowerCase());
  if (names.includes('*')) return;
  const missing = VARY.filter((name) => !names.includes(name.toLowerCase()));
  if (missing.length > 0) res.setHeader('Vary', [present, ...missing].join(', '));
}
