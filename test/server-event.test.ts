import { EventSource } from 'eventsource';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeEvent, type ServerEvent } from '../src/server-event.ts';
import { serve } from './support/serve.ts';

/** Texts of what a parser may stumble over, and of anything else. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom('\n', '\r', '\r\n', ' ', ':', '\0', '\uFEFF', '\u0085', '\u2028', '\u2029', '😀', 'é'),
      fc.constantFrom('data: x', 'id: 7', 'event: y', 'retry: 1', '\n\n'),
      fc.string({ unit: 'grapheme', maxLength: 4 }),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));
const line = text.map((some) => some.replace(/[\r\n\0]/g, ''));
const eventName = line.filter((name) => name !== '');
const retry = fc.oneof(fc.nat(), fc.constantFrom(0, Number.MAX_SAFE_INTEGER));
/** Everything that a ServerEvent can express. */
const serverEvent: fc.Arbitrary<ServerEvent> = fc.record(
  { data: fc.oneof(text, fc.jsonValue()), event: eventName, id: line, retry, comment: text },
  { requiredKeys: [] },
);

describe('what a parser reads', () => {
  it('is what was given, wherever the bytes are cut (W2, W3)', () => {
    fc.assert(
      fc.property(
        fc.array(serverEvent, { maxLength: 5 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        (events, cuts) => {
          const bytes = Buffer.concat(events.map((event) => encodeEvent(event)));
          expect(parse(cutAt(bytes, cuts))).toEqual(meant(events));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is the same when each byte comes alone (W3)', () => {
    const events = [
      { data: 'a\r\nb\rc\nd\u2028e\u2029f\u0085g\uFEFF😀', event: 'ünï', id: '€', retry: 7, comment: 'x\ry' },
      { data: '' },
      { data: '\n' },
      { data: { text: 'line\nend', list: [1, null, true] }, id: '' },
    ];
    const bytes = Buffer.concat(events.map((event) => encodeEvent(event)));
    expect(parse([...bytes].map((byte) => Buffer.of(byte)))).toEqual(meant(events));
  });

  it('has LF for every line end of the text, and no other change (W2)', () => {
    const [read] = parse([encodeEvent({ data: ' a\r\n\rb\n\u2028\u2029\u0085 ' })]).events;
    expect(read?.data).toBe(' a\n\nb\n\u2028\u2029\u0085 ');
  });

  it('is U+FFFD for a lone surrogate, and in JSON its escape (W4)', () => {
    const { events } = parse([encodeEvent({ data: 'a\uD83D' }), encodeEvent({ data: { a: '\uD83D' } })]);
    expect(events.map(({ data }) => data)).toEqual(['a\uFFFD', '{"a":"\\ud83d"}']);
  });

  it('is 10 MB of text as it was (W4)', () => {
    const data = '0123456789abcde\n'.repeat(655_360);
    expect(parse([encodeEvent({ data })]).events[0]?.data === data).toBe(true);
  });

  it('is none of what is no event', () => {
    for (const event of [undefined, 'text', {}, { data: undefined }])
      expect(() => encodeEvent(event as ServerEvent)).toThrow('an event is an object such as { data: 1 }');
    expect(() => encodeEvent({ dat: 1 } as ServerEvent)).toThrow('an event has no field "dat"');
  });

  it('is no event without data', () => {
    expect(parse([encodeEvent({ event: 'a', id: '1' })]).events).toEqual([]);
  });
});

describe('what the eventsource client dispatches', () => {
  it('is what was given', async () => {
    const events = fc.sample(serverEvent, 200).map((event) => ({ ...event, data: event.data ?? null }));
    await using app = await serve((_req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
      for (const event of events) res.write(encodeEvent(event));
    });
    const source = new EventSource(app.url);
    const got: EventSourceMessage[] = [];
    await new Promise<void>((resolve) => {
      for (const name of new Set(events.map(({ event }) => event ?? 'message'))) {
        source.addEventListener(name, ({ type, data, lastEventId }) => {
          // `error` and `open` are the client's own too, without data.
          if (data !== undefined) got.push({ event: type, data, id: lastEventId });
          if (got.length === events.length) resolve();
        });
      }
    });
    source.close();
    expect(got).toEqual(
      meant(events).events.map(({ event = 'message', data, id = '' }) => ({ event, data, id })),
    );
  });
});

describe('what the format cannot carry is refused, never stripped (W1, W5)', () => {
  const bad: [string, object, RegExp][] = [
    ['CR in an event', { event: 'a\rb' }, /event must not hold CR, LF or NUL: "a\\rb"/],
    ['LF in an event', { event: 'a\n' }, /event must not hold/],
    ['NUL in an event', { event: '\0' }, /event must not hold/],
    ['CR in an id', { id: '\r' }, /id must not hold/],
    ['LF in an id', { id: '1\n2' }, /id must not hold/],
    ['NUL in an id', { id: '1\0' }, /id must not hold/],
    ['an id that is a number', { id: 1 }, /id must be a string, got number/],
    ['an empty event', { event: '' }, /event is empty: give it a name, or leave it out/],
    ['an event that is null', { event: null }, /event must be a string, got object/],
    ['a comment that is no text', { comment: 5 }, /comment must be a string, got number/],
    ...[-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '10', '10\ndata: x', null].map(
      (value): [string, object, RegExp] => [
        `a retry of ${JSON.stringify(value)} (${String(value)})`,
        { retry: value },
        /retry must be a whole number of milliseconds/,
      ],
    ),
    ['data that is a function', { data: () => {} }, /data has no JSON: a function cannot be sent/],
    ['data that is a symbol', { data: Symbol('x') }, /data has no JSON/],
    ['data that is a bigint', { data: 1n }, /BigInt/],
    ['data that is a cycle', { data: cycle() }, /circular/],
  ];
  it.each(bad)('%s', (_, event, message) => {
    const encode = () => encodeEvent(event);
    expect(encode).toThrow(TypeError);
    expect(encode).toThrow(message);
  });

  it('what a toJSON throws comes out as it is (W4)', () => {
    const error = new Error('no JSON of me');
    const data = {
      toJSON() {
        throw error;
      },
    };
    expect(() => encodeEvent({ data })).toThrow(error);
  });
});

function cycle(): object {
  const object: Record<string, unknown> = {};
  object.self = object;
  return object;
}

interface Parsed {
  readonly events: EventSourceMessage[];
  readonly retries: number[];
  readonly comments: string[];
  readonly errors: Error[];
}

function parse(chunks: readonly Buffer[]): Parsed {
  const parsed: Parsed = { events: [], retries: [], comments: [], errors: [] };
  const parser = createParser({
    onEvent: (event) => parsed.events.push(event),
    onRetry: (interval) => parsed.retries.push(interval),
    onComment: (comment) => parsed.comments.push(comment),
    onError: (error) => parsed.errors.push(error),
  });
  const decoder = new TextDecoder();
  for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }));
  return parsed;
}

/** What has to be read of these events. */
function meant(events: readonly ServerEvent[]): Parsed {
  const retries = events.flatMap((event) => event.retry ?? []);
  const comments = events.flatMap(({ comment }) =>
    comment === undefined ? [] : arrived(comment).split('\n'),
  );
  const dispatched = events.flatMap(({ data, event, id }) => {
    if (data === undefined) return [];
    const text = typeof data === 'string' ? data : JSON.stringify(data);
    return { id: id && arrived(id), event: event && arrived(event), data: arrived(text) };
  });
  return { events: dispatched, retries, comments, errors: [] };
}

function arrived(given: string): string {
  return given.replace(/\r\n?/g, '\n').toWellFormed();
}

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}
