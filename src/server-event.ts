/**
 * One event of a `text/event-stream`, as the HTML Standard has it
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation).
 */
export interface ServerEvent {
  /** What the page gets as `event.data`: a string as it is, anything else as JSON. Without it no event is dispatched. */
  readonly data?: unknown;
  /** The event's type. @defaultValue 'message', which the browser assumes */
  readonly event?: string | undefined;
  /** What the browser sends back as `Last-Event-ID` when it reconnects. '' makes it forget the last one. */
  readonly id?: string | undefined;
  /** How long the browser waits before it reconnects, in whole milliseconds. */
  readonly retry?: number | undefined;
  /** Text that the browser ignores. */
  readonly comment?: string | undefined;
}

/**
 * The last event of a stream that has nothing more to say: its type, and its id, with which nobody has to come back. It
 * has data, though empty, since some clients keep no id that comes without.
 */
export const COMPLETE: ServerEvent = { event: 'sse-trigger-complete', id: 'sse-trigger-complete', data: '' };

const FIELDS = ['data', 'event', 'id', 'retry', 'comment'] as const satisfies (keyof ServerEvent)[];

/** What the standard takes for the end of a line; U+2028, U+2029 and U+0085 are no line ends to it. */
const LINE_END = /\r\n|\r|\n/;

/**
 * The bytes of one event, its closing empty line included. Line ends in `data` and `comment` arrive as LF; a lone
 * surrogate arrives as U+FFFD, as UTF-8 has no other way.
 *
 * @throws TypeError for what the format cannot carry: CR, LF or NUL in `event` or `id`, an empty `event`, a `retry` that
 *   is no whole number of milliseconds, `data` that has no JSON (a function, a bigint, a cycle); and for what is no event: it
 *   has a field that there is not, or none at all.
 */
export function encodeEvent(event: ServerEvent): Buffer {
  requireEvent(event);
  return Buffer.from(toText(event));
}

/** One event before it becomes bytes. Lines of further fields may be put before it. */
export function toText({ data, event, id, retry, comment }: ServerEvent): string {
  let text = '';
  if (comment !== undefined) text += lines(':', requireText('comment', comment));
  if (retry !== undefined) text += `retry: ${requireMilliseconds(retry)}\n`;
  if (id !== undefined) text += `id: ${requireLine('id', id)}\n`;
  if (event !== undefined) text += `event: ${requireEventName(event)}\n`;
  if (data !== undefined) text += lines('data:', typeof data === 'string' ? data : toJson(data));
  return `${text}\n`;
}

/** @throws TypeError when the format cannot carry `name` as an event's type. */
export function requireEventName(name: unknown): string {
  const line = requireLine('event', name);
  if (line === '') throw new TypeError('event is empty: give it a name, or leave it out for "message"');
  return line;
}

function requireEvent(event: ServerEvent): void {
  const names = typeof event === 'object' && event !== null ? Object.keys(event) : [];
  const unknown = names.find((name) => !FIELDS.some((field) => field === name));
  if (unknown !== undefined) {
    throw new TypeError(`an event has no field ${JSON.stringify(unknown)}; it has ${FIELDS.join(', ')}`);
  }
  if (FIELDS.some((field) => event?.[field] !== undefined)) return;
  const what = Object.prototype.toString.call(event).slice('[object '.length, -1);
  throw new TypeError(
    `an event is an object such as { data: 1 }; this ${what} has none of ${FIELDS.join(', ')}`,
  );
}

function lines(field: string, text: string): string {
  return text
    .split(LINE_END)
    .map((line) => `${field} ${line}\n`)
    .join('');
}

function toJson(data: unknown): string {
  const json: string | undefined = JSON.stringify(data);
  if (json === undefined) throw new TypeError(`data has no JSON: a ${typeof data} cannot be sent`);
  return json;
}

function requireText(field: string, value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`${field} must be a string, got ${typeof value}`);
  return value;
}

/** A line end or NUL is refused, never stripped: two different values could become one. */
function requireLine(field: string, value: unknown): string {
  const text = requireText(field, value);
  if (/[\r\n\0]/.test(text))
    throw new TypeError(`${field} must not hold CR, LF or NUL: ${JSON.stringify(text)}`);
  return text;
}

function requireMilliseconds(retry: unknown): number {
  if (!Number.isSafeInteger(retry) || (retry as number) < 0) {
    throw new TypeError(`retry must be a whole number of milliseconds, 0 or more, got ${String(retry)}`);
  }
  return retry as number;
}
