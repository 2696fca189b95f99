import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer, get } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import express, { type RequestHandler } from 'express';
import { describe, expect, it } from 'vitest';
import { SseTrigger, streamSse } from '../src/index.ts';
import { connectRaw } from './support/raw-client.ts';
import { selfSigned } from './support/self-signed.ts';
import { head, serve } from './support/serve.ts';
import { textUntil } from './support/text-until.ts';
import { until } from './support/until.ts';

const SIZES = [100, 20_000, 1_000_000, 100];

/** A stream of a text that can be replaced. */
function texts(trigger: SseTrigger) {
  let shown = 'first';
  return {
    stream: streamSse(trigger, { key: 'text', data: () => shown, throttle: 0 }),
    async show(next: string): Promise<void> {
      shown = next;
      await trigger.push('text');
    },
  };
}

/** All that a client gets while texts of `SIZES` are shown, each when it has the one before, and the stream ends. */
async function watch(trigger: SseTrigger, show: (text: string) => Promise<void>, answers: IncomingMessage[]) {
  const seen = await Promise.all(answers.map((answer) => textUntil(answer.setEncoding('utf8'), 'first\n\n')));
  for (const [index, size] of SIZES.entries()) {
    await show(`${'é'.repeat(size)}${index}`);
    const more = await Promise.all(answers.map((answer) => textUntil(answer, `é${index}\n\n`)));
    more.forEach((text, which) => {
      seen[which] += text;
    });
  }
  await trigger.drain(0);
  const rest = await Promise.all(answers.map((answer) => text(answer)));
  return seen.map((text, which) => text + rest[which]);
}

function eventsOf(stream: string): EventSourceMessage[] {
  const events: EventSourceMessage[] = [];
  createParser({ onEvent: (event) => events.push(event) }).feed(stream);
  return events;
}

it('gives the same events without chunks as with those of a wrapped response, whose wrapper sees every byte', async () => {
  await using trigger = new SseTrigger();
  const { stream, show } = texts(trigger);
  const wrapped: Buffer[] = [];
  const wrap: RequestHandler = (_req, res, next) => {
    const write = res.write;
    res.write = (...args: unknown[]) => {
      wrapped.push(Buffer.from(args[0] as Uint8Array));
      return Reflect.apply(write, res, args);
    };
    next();
  };
  await using app = await serve(express().get('/direct', stream).get('/wrapped', wrap, stream));
  const answers = [await head(`${app.url}/direct`), await head(`${app.url}/wrapped`)];
  const encodings = answers.map(({ headers }) => headers['transfer-encoding']);
  expect(encodings).toEqual([undefined, 'chunked']);

  const [direct = '', chunked = ''] = await watch(trigger, show, answers);
  expect(eventsOf(direct).map(({ data }) => data.length)).toEqual([5, 101, 20_001, 1_000_001, 101]);
  expect(eventsOf(chunked)).toEqual(eventsOf(direct));
  expect(Buffer.concat(wrapped).toString()).toBe(chunked);
});

it('streams over HTTPS', async () => {
  const pem = await selfSigned('127.0.0.1');
  await using server = createServer({ key: pem, cert: pem }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await using trigger = new SseTrigger();
  const { stream, show } = texts(trigger);
  server.on('request', express().get('/', stream));
  const { port } = server.address() as AddressInfo;
  const [answer] = await once(get({ host: '127.0.0.1', port, ca: pem, agent: false }), 'response');
  expect(answer.headers).toMatchObject({ connection: 'close' });
  expect(answer.headers).not.toHaveProperty('transfer-encoding');
  const [seen = ''] = await watch(trigger, show, [answer]);
  expect(eventsOf(seen).map(({ data }) => data.length)).toEqual([5, 101, 20_001, 1_000_001, 101]);
  expect(seen).toMatch(/\n\nretry: \d+\n\n$/);
});

it('streams on a connection that has carried another answer, byte by byte as it is', async () => {
  await using trigger = new SseTrigger();
  const { stream } = texts(trigger);
  const routes = express().get('/stream', stream);
  routes.get('/other', (_req, res) => {
    res.send('other');
  });
  await using app = await serve(routes);
  await using client = await connectRaw(app.port);
  client.send('GET /other HTTP/1.1\r\nHost: a\r\n\r\n');
  const before = await client.until('\r\n\r\nother');
  client.send('GET /stream HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until('first\n\n');
  await trigger.drain(0);
  const [head = '', body] = (await client.untilClosed()).slice(before.length).split('\r\n\r\n');
  expect(head).toMatch(/^Connection: close$/m);
  expect(head).not.toMatch(/Transfer-Encoding/i);
  expect(body).toMatch(/^: open\nretry: \d+\n\nid: \S+\ndata: first\n\nretry: \d+\n\n$/);
});

it('ends with the connection where the application has asked to keep it', async () => {
  await using trigger = new SseTrigger();
  const { stream } = texts(trigger);
  const keepAlive: RequestHandler = (_req, res, next) => {
    res.set('Connection', 'keep-alive');
    next();
  };
  await using app = await serve(express().get('/', keepAlive, stream));
  await using client = await connectRaw(app.port);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until('first\n\n');
  await trigger.drain(0);
  expect(await client.untilClosed()).toMatch(/first\n\nretry: \d+\n\n$/);
});

it('goes by the response where trailers were announced, which have no place without chunks', async () => {
  await using trigger = new SseTrigger();
  const { stream } = texts(trigger);
  const announce: RequestHandler = (_req, res, next) => {
    res.set('Trailer', 'Server-Timing');
    next();
  };
  await using app = await serve(express().get('/', announce, stream));
  const answer = await head(app.url);
  expect(answer.headers['transfer-encoding']).toBe('chunked');
  expect(await textUntil(answer, 'first\n\n')).toContain('data: first');
  answer.destroy();
});

it('adds to a Vary that is empty as if there was none', async () => {
  await using trigger = new SseTrigger();
  const { stream } = texts(trigger);
  const greet: RequestHandler = (_req, res, next) => {
    res.set('Vary', '');
    next();
  };
  await using app = await serve(express().get('/', greet, stream));
  await using client = await connectRaw(app.port);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until('first\n\n');
  expect(client.received).toContain('Vary: Cookie, Origin\r\n');
});

describe('a stream with bytes on their way', () => {
  /** A client that takes nothing, so that `last` is on its way, though it is too little to hold the stream up. */
  async function held(trigger: SseTrigger, more: RequestHandler = (_req, _res, next) => next()) {
    let socket: Socket | undefined;
    const { stream, show } = texts(trigger);
    const keep: RequestHandler = (_req, res, next) => {
      socket = res.socket!;
      next();
    };
    const app = await serve(express().get('/', keep, more, stream));
    const client = connect({ port: app.port, host: '127.0.0.1', allowHalfOpen: true });
    const received: string[] = [];
    client.setEncoding('utf8').on('data', (text: string) => received.push(text));
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => received.join('').includes('first\n\n'));
    client.pause();
    // Until the system has no room left for it. The client then takes just so much that the server has nothing to hold.
    await show('x'.repeat(20_000_000));
    const drained = once(socket!, 'drain');
    client.resume();
    await drained;
    client.pause();
    const last = async () => {
      for (let number = 0; ; number += 1) {
        const text = `${number}${'y'.repeat(10_000)}`;
        const { frames } = trigger.stats();
        await show(text);
        await until(() => trigger.stats().frames > frames);
        if (socket!.writableLength > 0) return `data: ${text}\n\n`;
      }
    };
    return { app, client, show, received, socket: socket!, last: await last() };
  }

  it('is not written to when the client has said that it has said everything', async () => {
    await using trigger = new SseTrigger();
    const { app, client, show, received, socket, last } = await held(trigger);
    await using _ = app;
    const errors: unknown[] = [];
    app.server.on('clientError', (error) => errors.push(error));
    client.end();
    await until(() => !socket.writable);
    await show('too late');
    client.resume();
    await once(client, 'close');
    expect(errors).toEqual([]);
    expect(received.join('').slice(-last.length)).toBe(last);
  });

  it('is not written to when the application has ended it', async () => {
    await using trigger = new SseTrigger();
    let end = () => {};
    const { app, client, show, received, last } = await held(trigger, (_req, res, next) => {
      end = () => res.end();
      next();
    });
    await using _ = app;
    end();
    await show('too late');
    client.resume();
    await once(client, 'end');
    expect(received.join('').slice(-last.length)).toBe(last);
    client.destroy();
  });
});
