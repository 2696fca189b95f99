import type { Sink } from '../connection.ts';
import { type Head, VARY } from '../head.ts';
import type { Visit } from '../visit.ts';
import { ReadableSink } from './readable-sink.ts';

/** A request of the Fetch standard, to be answered with a `Response`. */
export class FetchVisit implements Visit {
  readonly request: Request;
  /** undefined as long as there is no answer. */
  response: Response | undefined;
  /** A server that speaks so tells of each client by its signal. */
  readonly isPipelined = false;

  constructor(request: Request) {
    this.request = request;
  }

  get method(): string {
    return this.request.method;
  }

  get path(): string {
    return new URL(this.request.url).pathname;
  }

  /** Behind a proxy, or by the server's own mind, the URL may be another one than the client knows. */
  get host(): string | undefined {
    return this.header('host') ?? new URL(this.request.url).host;
  }

  header(name: string): string | undefined {
    return this.request.headers.get(name) ?? undefined;
  }

  get isGone(): boolean {
    return this.request.signal.aborted;
  }

  get isAnswered(): boolean {
    return this.response !== undefined;
  }

  onGone(leave: () => void): () => void {
    const { signal } = this.request;
    signal.addEventListener('abort', leave);
    return () => signal.removeEventListener('abort', leave);
  }

  answer(head: Head, body?: string | Buffer): void {
    this.response = new Response(body ?? null, toInit(head));
  }

  stream(head: Head): Sink {
    const sink = new ReadableSink(this.request);
    this.response = new Response(sink.readable, toInit(head));
    return sink;
  }
}

function toInit({ status, fixed, usual }: Head): ResponseInit {
  const headers = Object.fromEntries([...usual, ...fixed, ['Vary', VARY.join(', ')]]);
  return { status, headers };
}
