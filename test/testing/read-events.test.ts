import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createParser } from 'eventsource-parser';
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { type ReceivedEvent, readEvents } from '../../src/testing.ts';
import { selfSigned } from '../support/self-signed.ts';
import { type Served, serve } from '../support/serve.ts';

const lineEnd = fc.constantFrom('\n', '\r', '\r\n');
const value = fc.oneof(
  fc.constantFrom('', ' ', 'x', ' x', '  x', 'a:b', '7', '07', '7 ', '\0', '\uFEFF', '\u0085\u2028', '😀'),
  fc.string({ unit: 'grapheme', maxLength: 5 }).map((text) => text.replace(/[\r\n]/g, '')),
);
const field = fc.constantFrom('data', 'event', 'id', 'retry', '', 'comment', 'Data', ' data', 'data ', 'x');
const line = fc.oneof(
  fc.tuple(field, value).map(([name, text]) => `${name}:${text}`),
  field,
  fc.constant(''),
);
/** Streams as any server may send them, well or badly written, up to the end of an event. */
const stream = fc
  .tuple(fc.constantFrom('', '\uFEFF'), fc.array(fc.tuple(line, lineEnd), { maxLength: 20 }))
  .map(([mark, lines]) => `${mark}${lines.flat().join('')}\n\n`);

it('reads any stream as eventsource-parser does, wherever the bytes are cut', async () => {
  let chunks: Buffer[] = [];
  await using app = await serve((_req, res) => {
    res.setHeader('Content-Type', 'text/event-stream');
    for (const chunk of chunks) res.write(chunk);
    res.end();
  });
  await fc.assert(
    fc.asyncProperty(stream, fc.array(fc.nat(), { maxLength: 6 }), async (text, cuts) => {
      const bytes = Buffer.from(text);
      const places = [0, ...cuts.map((cut) => cut % bytes.length), bytes.length].sort((a, b) => a - b);
      chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
      expect(await read(app)).toEqual(judge(bytes));
    }),
    { numRuns: 500 },
  );
});

it('reads 10 MB on one line without looking at them again and again', async () => {
  const data = '😀'.repeat(2_621_440);
  await using app = await serve((_req, res) => {
    res.setHeader('Content-Type', 'text/event-stream');
    res.end(`data: ${data}\n\n`);
  });
  for await (const event of readEvents(app.url, '/')) expect(event.data === data).toBe(true);
});

it('fails for an answer that is no event stream', async () => {
  await using app = await serve((_req, res) => {
    res.statusCode = 401;
    res.end('nobody');
  });
  await expect(readEvents(app.server, '/path').next()).rejects.toThrow('/path answered 401 with nothing');
});

it('fails when nothing comes before the deadline', async () => {
  await using app = await serve((_req, res) => {
    res.setHeader('Content-Type', 'text/event-stream');
    res.write(':\n\n');
  });
  await expect(readEvents(app.url, '/', { deadline: 20 }).next()).rejects.toThrow('/ sent nothing for 20 ms');
});

it('refuses options that cannot be meant', async () => {
  const app = () => {};
  await expect(readEvents(app, '/', { deadline: Infinity }).next()).rejects.toThrow('deadline must be');
  // @ts-expect-error no such option
  await expect(readEvents(app, '/', { timeout: 5 }).next()).rejects.toThrow('no option "timeout"');
});

const hasIPv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);

it.runIf(hasIPv6)('finds a server that listens to IPv6 alone, as localhost may be', async () => {
  const server = createServer((_req, res) => {
    res.setHeader('Content-Type', 'text/event-stream');
    res.end('data: 1\n\n');
  });
  await once(server.listen(0, '::1'), 'listening');
  try {
    expect(await readEvents(server, '/').next()).toEqual({ done: false, value: { data: '1' } });
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

it('reads over HTTPS', async () => {
  const both = await selfSigned('127.0.0.1');
  const server = createSecureServer({ key: both, cert: both }, (_req, res) => {
    res.setHeader('Content-Type', 'text/event-stream');
    res.end('data: 1\n\n');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const events = () => readEvents(`https://127.0.0.1:${port}`, '/').next();
  try {
    await expect(events()).rejects.toThrow('self-signed certificate');
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    expect(await events()).toEqual({ done: false, value: { data: '1' } });
  } finally {
    vi.unstubAllEnvs();
    server.close();
  }
});

it('refuses a server without a port', async () => {
  const socket = join(tmpdir(), `sse-trigger-${process.pid}.sock`);
  const server = createServer();
  await expect(readEvents(server, '/').next()).rejects.toThrow('does not listen yet');
  await once(server.listen(socket), 'listening');
  try {
    await expect(readEvents(server, '/').next()).rejects.toThrow('needs a port');
  } finally {
    server.close();
  }
});

it('fails when the connection breaks', async () => {
  await using app = await serve((_req, res) => {
    res.setHeader('Content-Type', 'text/event-stream');
    res.write('data: 1\n\n', () => res.destroy());
  });
  const events = readEvents(app.url, '/');
  expect(await events.next()).toEqual({ done: false, value: { data: '1' } });
  await expect(events.next()).rejects.toThrow('aborted');
});

it('serves an application as long as it is read, and leaves with the loop', async () => {
  let left: Promise<unknown> | undefined;
  const app = (req: IncomingMessage, res: ServerResponse) => {
    left = once(res, 'close');
    res.setHeader('Content-Type', 'text/event-stream');
    res.write(`data: ${req.url} ${req.headers.cookie}\n\n`);
  };
  for await (const { data } of readEvents(app, '/ticker?a=1', { headers: { cookie: 'b=2' } })) {
    expect(data).toBe('/ticker?a=1 b=2');
    break;
  }
  await left;
});

interface Read {
  readonly events: readonly ReceivedEvent[];
  readonly comments: readonly string[];
}

async function read(app: Served): Promise<Read> {
  const events: ReceivedEvent[] = [];
  const comments: string[] = [];
  for await (const { data, event, id, comment } of readEvents(app.url, '/', { everything: true })) {
    if (comment !== undefined) comments.push(comment);
    if (data !== undefined) events.push({ data, event, id });
  }
  return { events, comments: comments.join('\n').split('\n') };
}

function judge(bytes: Buffer): Read {
  const events: ReceivedEvent[] = [];
  const comments: string[] = [];
  const parser = createParser({
    onEvent: ({ data, event, id }) => events.push({ data, event, id }),
    onComment: (comment) => comments.push(comment),
  });
  // This decoder takes a byte order mark away, as a browser does.
  parser.feed(new TextDecoder().decode(bytes));
  return { events, comments: comments.join('\n').split('\n') };
}
