import type { Readable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { SseTrigger, type StreamOptions, streamOptions, streamResponse } from '../src/fetch.ts';
import { openStream as openNodeStream } from '../src/node.ts';
import { collectGarbage } from './support/collect-garbage.ts';
import { deferred } from './support/deferred.ts';
import { head, serve } from './support/serve.ts';
import { serveFetch } from './support/serve-fetch.ts';
import { openStream } from './support/stream-client.ts';
import { STREAM_HEAD } from './support/stream-head.ts';
import { textUntil } from './support/text-until.ts';
import { until } from './support/until.ts';

const URL_OF_ALL = 'http://127.0.0.1/';
const request = (init: RequestInit = {}) => new Request(URL_OF_ALL, init);

/** A public stream of a text that can be replaced. */
function texts(trigger: SseTrigger, more: Partial<StreamOptions<string>> = {}) {
  let shown = 'first';
  const options = { key: 'text', data: () => shown, throttle: 0, ...more } as StreamOptions<string>;
  return {
    answer: (req: Request) => streamResponse(trigger, req, options),
    async show(next: string): Promise<void> {
      const { runs } = trigger.stats();
      shown = next;
      await trigger.push('text');
      await until(() => trigger.stats().runs > runs);
    },
  };
}

/** What reads the body of an answer, a frame or so at a time. */
function reading({ body }: Response) {
  const reader = body!.getReader();
  const decoder = new TextDecoder();
  return {
    cancel: () => reader.cancel(),
    /** undefined at the end. */
    async next(): Promise<string | undefined> {
      const { value } = await reader.read();
      return value && decoder.decode(value);
    },
  };
}

/** As `textUntil` for much text, which has `end` at its end. */
async function allUntil(readable: Readable, end: string): Promise<string> {
  const parts: string[] = [];
  let last = '';
  for await (const part of readable) {
    parts.push(part);
    last = (last + part).slice(-end.length);
    if (last === end) break;
  }
  return parts.join('');
}

describe('over a socket', () => {
  it('has the head of a stream, sends what changed, and sees the client leave', async () => {
    await using trigger = new SseTrigger();
    const { answer, show } = texts(trigger);
    await using app = await serveFetch(answer);
    const response = await head(app.url);
    const { date: _, connection: __, 'transfer-encoding': ___, ...headers } = response.headers;
    expect(headers).toEqual(STREAM_HEAD);
    await textUntil(response.setEncoding('utf8'), 'data: first\n\n');
    await show('second');
    await textUntil(response, 'data: second\n\n');
    response.destroy();
    await until(() => trigger.stats().streams === 0);
    expect(trigger.stats()).toMatchObject({ keys: 0, closed: { client: 1 } });
  });

  it('sends a client that reads nothing only the newest state', async () => {
    await using trigger = new SseTrigger();
    const { answer, show } = texts(trigger);
    await using app = await serveFetch(answer);
    const response = (await head(app.url)).setEncoding('utf8');
    await textUntil(response, 'data: first\n\n');
    let count = 0;
    while (trigger.stats().conflated < 2 && count < 12) {
      count += 1;
      await show(`${'.'.repeat(4_000_000)}${count}`);
    }
    const seen = (await allUntil(response, `.${count}\n\n`)).match(/\d+(?=\n\n)/g) ?? [];
    expect(seen.at(-1)).toBe(`${count}`);
    expect(seen.length).toBe(count - 2);
    response.destroy();
  });

  it('gives a client that comes back nothing that it has', async () => {
    await using trigger = new SseTrigger();
    const { answer, show } = texts(trigger);
    await using app = await serveFetch(answer);
    await using first = await openStream(app.url, '/');
    const { id = '' } = await first.next();
    const headers = { 'last-event-id': id };
    await using back = await openStream(app.url, '/', { headers });
    await until(() => trigger.stats().resumed === 1);
    await show('second');
    expect(await back.next()).toMatchObject({ data: 'second' });
  });

  it('ends with a drain, each client with a time to come back', async () => {
    await using trigger = new SseTrigger();
    await using app = await serveFetch(texts(trigger).answer);
    const streams = [await openStream(app.url, '/'), await openStream(app.url, '/')];
    for (const stream of streams) await stream.next();
    await trigger.drain(0);
    for (const stream of streams) expect(await stream.rest()).toEqual([{ retry: expect.any(Number) }]);
    await using late = await openStream(app.url, '/');
    expect(late.opening.comment).toBe('later');
    expect(await late.rest()).toEqual([]);
  });
});

describe('its body', () => {
  it('holds nothing ahead of who reads it but the frame written last', async () => {
    await using trigger = new SseTrigger();
    const { answer, show } = texts(trigger);
    const body = reading(await answer(request()));
    await until(() => trigger.stats().runs === 1);
    for (const text of ['second', 'third']) await show(text);
    expect(trigger.stats().frames).toBe(0);
    expect(await body.next()).toMatch(/^: open\nretry: \d+\n\n$/);
    expect(trigger.stats().frames).toBe(0);
    expect(await body.next()).toContain('data: third\n');
    for (const text of ['fourth', 'fifth']) await show(text);
    expect(trigger.stats().frames).toBe(1);
    expect(await body.next()).toContain('data: fifth\n');
    await body.cancel();
  });

  it('takes reads ahead of what there is', async () => {
    await using trigger = new SseTrigger();
    const { answer, show } = texts(trigger);
    const body = reading(await answer(request()));
    const reads = [body.next(), body.next(), body.next(), body.next()];
    await Promise.all(reads.slice(0, 2));
    await show('second');
    await reads[2];
    await show('third');
    const [, ...seen] = await Promise.all(reads);
    expect(seen.map((text) => text?.match(/data: (.*)/)?.[1])).toEqual(['first', 'second', 'third']);
    await body.cancel();
  });

  it('ends its stream when it is cancelled', async () => {
    await using trigger = new SseTrigger();
    const body = reading(await texts(trigger).answer(request()));
    await body.next();
    await body.cancel();
    expect(trigger.stats()).toMatchObject({ streams: 0, keys: 0, closed: { client: 1 } });
  });

  it('comes to an end after its lifetime', async () => {
    await using trigger = new SseTrigger();
    const body = reading(await texts(trigger, { lifetime: 50 }).answer(request()));
    let last: string | undefined;
    for (let text = await body.next(); text !== undefined; text = await body.next()) last = text;
    expect(last).toMatch(/^retry: \d{3,4}\n\n$/);
    expect(trigger.stats()).toMatchObject({ streams: 0, closed: { lifetime: 1 } });
  });

  it('fails when nobody has read it for writeTimeout, and its stream is over', async () => {
    await using trigger = new SseTrigger();
    const body = reading(await texts(trigger, { writeTimeout: 50 }).answer(request()));
    await until(() => trigger.stats().closed.stuck === 1);
    await expect(body.next()).rejects.toMatchObject({ name: 'AbortError' });
    expect(trigger.stats()).toMatchObject({ streams: 0, keys: 0 });
  });

  it('keeps no drain waiting that nobody reads', async () => {
    await using trigger = new SseTrigger();
    const { answer } = texts(trigger);
    const [unread, read] = [await answer(request()), reading(await answer(request()))];
    await read.next();
    await read.next();
    const last = read.next();
    await trigger.drain(0);
    expect(trigger.stats()).toMatchObject({ streams: 0, closed: { drain: 2 } });
    expect(await last).toMatch(/^retry: /);
    expect(await read.next()).toBeUndefined();
    await expect(unread.text()).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('the signal of its request', () => {
  it('ends the stream', async () => {
    await using trigger = new SseTrigger();
    const gone = new AbortController();
    await texts(trigger).answer(request({ signal: gone.signal }));
    expect(trigger.stats().streams).toBe(1);
    gone.abort();
    expect(trigger.stats()).toMatchObject({ streams: 0, keys: 0, closed: { client: 1 } });
  });

  it('ends the stream although nobody else keeps the request', async () => {
    await using trigger = new SseTrigger();
    const gone = new AbortController();
    const { answer } = texts(trigger);
    const body = reading(await answer(request({ signal: gone.signal })));
    await body.next();
    await collectGarbage();
    gone.abort();
    expect(trigger.stats().streams).toBe(0);
  });

  it('ends the body too, for who reads it and for who has yet to', async () => {
    await using trigger = new SseTrigger();
    const gone = new AbortController();
    const { answer } = texts(trigger);
    const [read, unread] = [
      reading(await answer(request({ signal: gone.signal }))),
      await answer(request({ signal: gone.signal })),
    ];
    for (let i = 0; i < 2; i += 1) await read.next();
    const waiting = read.next();
    gone.abort();
    expect(await waiting).toBeUndefined();
    expect(await unread.text()).toMatch(/^: open\nretry: \d+\n\n$/);
  });

  it('has nothing opened for a client that left while its subject was asked for', async () => {
    await using trigger = new SseTrigger();
    const [asked, goOn, gone] = [deferred(), deferred<string>(), new AbortController()];
    const key = vi.fn(() => 'a');
    const subject = () => {
      asked.resolve();
      return goOn.promise;
    };
    const answer = streamResponse(trigger, request({ signal: gone.signal }), { subject, key, data: () => 1 });
    await asked.promise;
    gone.abort();
    goOn.resolve('ann');
    expect((await answer).body).toBeNull();
    expect(key).not.toHaveBeenCalled();
    expect(trigger.stats()).toMatchObject({ streams: 0, keys: 0 });
  });

  it('stops waiting for a permission', async () => {
    await using trigger = new SseTrigger();
    const [asked, gone] = [deferred(), new AbortController()];
    const key = vi.fn(() => 'a');
    const authorize = () => {
      asked.resolve();
      return new Promise<boolean>(() => {});
    };
    const options = streamOptions(trigger, {
      subject: () => 'ann',
      authorize,
      dataTimeout: 600_000,
      key,
      data: () => 1,
    });
    const answer = streamResponse(trigger, request({ signal: gone.signal }), options);
    await asked.promise;
    gone.abort();
    expect((await answer).body).toBeNull();
    expect(key, 'what it would have watched').not.toHaveBeenCalled();
    expect(trigger.stats().streams).toBe(0);
  });
});

describe('answers', () => {
  const options = {
    subject: (req: Request) => req.headers.get('cookie'),
    authorize: (cookie: string) => cookie === 'ann',
    key: () => 'a',
    data: () => 1,
    allowOrigins: ['https://app.example'],
  };
  const ann = { cookie: 'ann' };

  it.each([
    ['a stream', { headers: ann }, 200],
    ['a stream for a page of its own', { headers: { ...ann, origin: 'http://127.0.0.1' } }, 200],
    [
      'a stream for its own by Host',
      { headers: { ...ann, host: 'a.example', origin: 'https://a.example' } },
      200,
    ],
    ['401 to nobody', {}, 401],
    ['403 to who may not look', { headers: { cookie: 'bob' } }, 403],
    ['403 to another site', { headers: { ...ann, 'sec-fetch-site': 'cross-site' } }, 403],
    ['403 to another origin', { headers: { ...ann, host: 'a.example', origin: 'http://127.0.0.1' } }, 403],
    ['405 to POST', { method: 'POST', headers: ann }, 405],
    ['a head to HEAD', { method: 'HEAD' }, 200],
  ] satisfies [string, RequestInit, number][])('%s', async (_, init: RequestInit, status) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    await using trigger = new SseTrigger();
    const answer = await streamResponse(trigger, request(init), options);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('vary')).toBe('Cookie, Origin');
    expect(answer.headers.get('allow')).toBe(status === 405 ? 'GET, HEAD' : null);
    expect(answer.body === null).toBe(init.method === 'HEAD');
    await answer.body?.cancel();
    expect(trigger.stats().streams).toBe(0);
    warn.mockRestore();
  });

  it('pages of origins that are listed so that they may see it', async () => {
    await using trigger = new SseTrigger();
    const headers = { ...ann, origin: 'https://app.example' };
    const answer = await streamResponse(trigger, request({ headers }), options);
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true');
    await answer.body?.cancel();
  });

  it('rejects with what is for the application', async () => {
    await using trigger = new SseTrigger();
    const refusal = Object.assign(new Error('gone'), { status: 410 });
    const subject = () => Promise.reject(refusal);
    const answer = streamResponse(trigger, request(), { subject, key: () => 'a', data: () => 1 });
    await expect(answer).rejects.toBe(refusal);
    const misspelt = { key: 'a', data: () => 1, heartbeats: 5 };
    await expect(streamResponse(trigger, request(), misspelt)).rejects.toThrow(
      'streamResponse has no option "heartbeats"',
    );
  });

  it.each([
    ['nothing', undefined],
    ['a URL', URL_OF_ALL],
    ['the request of Node', { method: 'GET', url: '/', headers: {} }],
    ['the request of Hono', { method: 'GET', url: URL_OF_ALL, header: () => undefined, raw: request() }],
  ])('says what it needs to who hands it %s', async (_, handed) => {
    await using trigger = new SseTrigger();
    const answer = streamResponse(trigger, handed as never, { key: 'a', data: () => 1 });
    await expect(answer).rejects.toThrow(TypeError);
    await expect(answer).rejects.toThrow('c.req.raw of Hono');
    expect(trigger.stats().streams).toBe(0);
  });
});

it('shares runs with a Node server that streams the same options', async () => {
  await using trigger = new SseTrigger();
  const options = { key: 'a', data: () => 1 };
  await using app = await serve((req, res) => void openNodeStream(trigger, req, res, options));
  await using stream = await openStream(app.url, '/');
  await stream.next();
  const body = reading(await streamResponse(trigger, request(), options));
  await body.next();
  expect(await body.next()).toContain('data: 1\n');
  expect(trigger.stats()).toMatchObject({ streams: 2, runs: 1 });
  await body.cancel();
});

it('keeps no more than a thousand readings of options', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  await using trigger = new SseTrigger();
  const made = async (count: number) => {
    for (let number = 0; number < count; number += 1) {
      const options = { key: 'a', data: () => 1, eventName: `${count} ${number}` };
      await streamResponse(trigger, request({ method: 'HEAD' }), options);
    }
  };
  await made(1000);
  expect(warn).not.toHaveBeenCalled();
  await made(1);
  expect(warn).toHaveBeenCalledTimes(1);
  warn.mockRestore();
});
