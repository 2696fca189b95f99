import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, request, Server } from 'node:http';
import { request as requestTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import { requireKnown, requireMs } from '../option-checks.ts';
import { COMPLETE, type ServerEvent } from '../server-event.ts';

export interface ReadEventsOptions {
  /** Sent with the request, for example a cookie or `Last-Event-ID`. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** How many milliseconds the answer, and then each event, may take. @defaultValue 5000 */
  deadline?: number | undefined;
  /**
   * Gives all that ends with an empty line: heartbeats, `retry`, lone ids and the end of an `eventStream` too.
   * @defaultValue false
   */
  everything?: boolean | undefined;
}

/** An event as it came over the wire: `data` is text, and what the stream did not send is missing. */
export type ReceivedEvent = ServerEvent & { readonly data?: string };

/**
 * Reads the events of a stream: `for await (const event of readEvents(app, '/ticker')) …`. The stream is closed when the
 * loop is left, or by `return()`, which waits for a `next()` that is under way. An application is served on a port of its
 * own meanwhile.
 *
 * @param target an Express application or another request listener, a listening HTTP server, or an http or https URL to
 *   begin with.
 * @param path the path of the stream, with its query.
 * @throws TypeError for an option that does not exist or cannot be meant, Error when the answer is no event stream, when
 *   the deadline has passed, or when the connection breaks. When the server ends the stream properly, the iteration ends too.
 */
export async function* readEvents(
  target: RequestListener | Server | string | URL,
  path: string,
  options: ReadEventsOptions = {},
): AsyncGenerator<ReceivedEvent, void, undefined> {
  requireKnown('readEvents', options, ['headers', 'deadline', 'everything']);
  const { headers = {}, deadline = 5000, everything = false } = options;
  requireMs('deadline', deadline);
  const served = typeof target === 'function' ? createServer(target) : undefined;
  served?.listen(0, '127.0.0.1');
  if (served !== undefined) await once(served, 'listening');
  const base = toUrl(served ?? target);
  const url = new URL(path, base);
  const sent = (url.protocol === 'https:' ? requestTls : request)(url, {
    agent: false,
    headers: { accept: 'text/event-stream', ...headers },
  });
  let response: IncomingMessage | undefined;
  const late = () => (response ?? sent).destroy(new Error(`${path} sent nothing for ${deadline} ms`));
  let timer = setTimeout(late, deadline);
  try {
    const answer = new Promise<IncomingMessage>((resolve, reject) =>
      sent.on('response', resolve).on('error', reject),
    );
    sent.end();
    response = await answer;
    for await (const event of parseEvents(requireStream(path, response))) {
      if (!everything && (event.data === undefined || event.id === COMPLETE.id)) continue;
      clearTimeout(timer);
      yield event;
      timer = setTimeout(late, deadline);
    }
  } finally {
    clearTimeout(timer);
    sent.destroy();
    served?.close();
  }
}

function toUrl(target: RequestListener | Server | string | URL): URL | string {
  if (typeof target === 'string' || target instanceof URL) return target;
  if (!(target instanceof Server))
    throw new TypeError('readEvents needs an application, an HTTP server or a URL, of https too');
  if (!target.listening) throw new TypeError('the server does not listen yet: await its listening event');
  const at = target.address();
  if (typeof at !== 'object') throw new TypeError(`the server listens at ${at}: readEvents needs a port`);
  const { address, port } = at as AddressInfo;
  // What listens to all addresses of IPv6 does so to those of IPv4.
  const host = address === '::' ? '127.0.0.1' : address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function requireStream(path: string, response: IncomingMessage): IncomingMessage {
  const type = response.headers['content-type'] ?? 'nothing';
  if (response.statusCode === 200 && type.startsWith('text/event-stream')) return response;
  throw new Error(`${path} answered ${response.statusCode} with ${type} instead of an event stream`);
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation */
async function* parseEvents(bytes: IncomingMessage): AsyncGenerator<ReceivedEvent> {
  let event: Draft = {};
  for await (const line of readLines(bytes)) {
    if (line !== '') {
      addLine(event, line);
    } else if (Object.keys(event).length > 0) {
      yield event;
      event = {};
    }
  }
}

async function* readLines(bytes: IncomingMessage): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pieces: string[] = [];
  for await (const chunk of bytes) {
    const text = decoder.decode(chunk, { stream: true });
    pieces.push(text);
    if (!/[\r\n]/.test(text)) continue;
    // A CR at the end may be half of a line end.
    const lines = pieces.join('').split(/\r\n|\r(?!$)|\n/);
    pieces = [lines.pop() ?? ''];
    yield* lines;
  }
}

type Draft = { -readonly [F in keyof ReceivedEvent]: ReceivedEvent[F] };

function addLine(event: Draft, line: string): void {
  const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
  if (field === '') event.comment = addTo(event.comment, value);
  else if (field === 'data') event.data = addTo(event.data, value);
  else if (field === 'event') event.event = value || undefined;
  else if (field === 'id' && !value.includes('\0')) event.id = value;
  else if (field === 'retry' && /^\d+$/.test(value)) event.retry = Number(value);
}

function addTo(text: string | undefined, line: string): string {
  return text === undefined ? line : `${text}\n${line}`;
}
