import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import { createParser } from 'eventsource-parser';
import { describe, expect, it } from 'vitest';
import { type SseTrigger, streamSse } from '../../src/index.ts';
import { startCaddy } from '../support/caddy-server.ts';
import { haproxySite, startHaproxy } from '../support/haproxy-server.ts';
import { startNginx } from '../support/nginx-server.ts';
import type { ReverseProxy } from '../support/reverse-proxy.ts';
import { head } from '../support/serve.ts';
import { streamApp } from '../support/stream-app.ts';
import { STREAM_HEAD } from '../support/stream-head.ts';
import { textUntil } from '../support/text-until.ts';
import { until } from '../support/until.ts';

/** How nginx speaks HTTP/1.1 to an application, and keeps connections to it. */
const KEEPALIVE = 'proxy_http_version 1.1; proxy_set_header Connection "";';
const HEARTBEAT = ':\n\n';
/** A heartbeat that no test lives to see. */
const NEVER = 1_000_000;
/** What HAProxy suffers of silence, in seconds. */
const TIMEOUT = 4;

interface Stage extends AsyncDisposable {
  readonly trigger: SseTrigger;
  /** Shows another text to everybody. */
  show(text: string): Promise<void>;
  /** Asks through the proxy; the body is decoded where that has encoded it. */
  open(path?: string): Promise<{ readonly answer: IncomingMessage; readonly body: Readable }>;
}

/** An application behind a proxy, with two streams of the same text, of which only one has heartbeats. */
async function stage(start: (to: number) => Promise<ReverseProxy>, heartbeat: number): Promise<Stage> {
  let shown = 'first';
  const app = await streamApp((trigger) => {
    const stream = { key: 'text', data: () => shown, throttle: 0 };
    return {
      '/stream': streamSse(trigger, { ...stream, heartbeat }),
      '/silent': streamSse(trigger, { ...stream, heartbeat: NEVER }),
      '/version': (req, res) => res.end(req.httpVersion),
    };
  });
  const proxy = await start(app.served.port);
  return {
    trigger: app.trigger,
    async show(next) {
      shown = next;
      await app.trigger.push('text');
    },
    async open(path = '/stream') {
      const answer = await head(`${proxy.url}${path}`, { 'accept-encoding': 'gzip' });
      const isEncoded = answer.headers['content-encoding'] === 'gzip';
      const body = isEncoded ? answer.pipe(createGunzip()) : answer;
      return { answer, body: body.setEncoding('utf8') };
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await app[Symbol.asyncDispose]();
    },
  };
}

function recommended(file: string): Promise<string> {
  return readFile(new URL(`../../docs/${file}`, import.meta.url), 'utf8');
}

/** Text that compression at best halves. */
function noise(length: number): string {
  return randomBytes(length / 2).toString('hex');
}

function withoutId(frame: string): string {
  return frame.replace(/^id: .+\n/, '');
}

describe.each([
  {
    name: 'nginx with its defaults',
    start: (to: number) => startNginx({ to }),
    version: '1.0',
  },
  {
    name: 'nginx that keeps connections to the application',
    start: (to: number) => startNginx({ to, location: KEEPALIVE }),
    version: '1.1',
  },
  {
    name: 'nginx as the docs recommend it',
    start: async (to: number) => startNginx({ to, site: await recommended('nginx.conf') }),
    version: '1.1',
  },
  {
    name: 'nginx that compresses streams',
    start: (to: number) =>
      startNginx({ to, location: `${KEEPALIVE} gzip on; gzip_types text/event-stream;` }),
    version: '1.1',
    encoding: 'gzip',
  },
  {
    name: 'HAProxy as the docs recommend it',
    start: async (to: number) => startHaproxy({ to, site: await recommended('haproxy.cfg') }),
    version: '1.1',
  },
  {
    name: 'Caddy as the docs recommend it',
    start: async (to: number) => startCaddy({ to, site: await recommended('Caddyfile') }),
    version: '1.1',
  },
  {
    // It would compress what begins with 512 bytes at once.
    name: 'Caddy that compresses',
    start: async (to: number) => {
      const site = await recommended('Caddyfile');
      return startCaddy({ to, site: site.replace('reverse_proxy', 'encode gzip\n\treverse_proxy') });
    },
    version: '1.1',
  },
  {
    name: 'HAProxy that suffers 4 s of silence',
    start: (to: number) => startHaproxy({ to, site: haproxySite(TIMEOUT) }),
    version: '1.1',
  },
])('behind $name (W9)', ({ start, version, encoding }) => {
  it('frames of any size arrive complete, each before the next is pushed, up to the end', async () => {
    await using app = await stage(start, NEVER);
    // The stream comes over the connection that this leaves open, where the proxy keeps any.
    expect(await text((await app.open('/version')).body)).toBe(version);

    const { answer, body } = await app.open();
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toBe(STREAM_HEAD['content-type']);
    expect(answer.headers['content-encoding']).toBe(encoding);
    expect(await textUntil(body, 'first\n\n')).toMatch(/^: open\nretry: \d+\n\nid: .+\ndata: first\n\n$/);

    for (const size of [100, 20_000, 1_000_000, 100, 20_000]) {
      const next = noise(size);
      await app.show(next);
      expect(withoutId(await textUntil(body, '\n\n'))).toBe(`data: ${next}\n\n`);
    }

    await app.show('last');
    await until(() => app.trigger.stats().frames === 7);
    await app.trigger.drain(0);
    expect(withoutId(await text(body))).toMatch(/^data: last\n\nretry: \d+\n\n$/);
    expect(app.trigger.stats().streams).toBe(0);
  });

  it('heartbeats arrive, and tell when the client has left', async () => {
    await using app = await stage(start, 50);
    const { answer, body } = await app.open();
    await textUntil(body, 'first\n\n');
    for (let beat = 0; beat < 3; beat += 1) await textUntil(body, HEARTBEAT);
    answer.destroy();
    await until(() => app.trigger.stats().streams === 0);
  });

  it('a client that takes nothing for a while gets whole frames and the newest, but not all', async () => {
    await using app = await stage(start, NEVER);
    const { body } = await app.open();
    await textUntil(body, 'first\n\n');
    const shown: string[] = [];
    // The systems and the proxy take some of it on the way, but not 100 MB.
    while (app.trigger.stats().conflated === 0 && shown.length < 100) {
      shown.push(noise(1_000_000));
      await app.show(shown.at(-1)!);
      await until(() => app.trigger.stats().runs === shown.length + 1);
    }
    const seen: string[] = [];
    const parser = createParser({ onEvent: ({ data }) => seen.push(data) });
    for await (const part of body) {
      parser.feed(part);
      if (seen.at(-1) === shown.at(-1)) break;
    }
    const places = seen.map((data) => shown.indexOf(data));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places.length).toBeLessThan(shown.length);
  });
});

it('behind HAProxy, heartbeats keep a stream open beyond the time after which one without is ended (W9)', async () => {
  await using app = await stage((to) => startHaproxy({ to, site: haproxySite(TIMEOUT) }), 1000);
  const { body } = await app.open();
  await textUntil(body, 'first\n\n');
  const { answer: silent } = await app.open('/silent');
  silent.resume();
  await once(silent, 'close');
  await until(() => app.trigger.stats().streams === 1);
  await app.show('second');
  expect(await textUntil(body, 'second\n\n')).toContain(HEARTBEAT);
});
