import type { IncomingHttpHeaders } from 'node:http';
import express, { type Request } from 'express';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { streamSse } from '../../src/index.ts';
import { type Served, serve } from '../support/serve.ts';
import { type StreamApp, streamApp } from '../support/stream-app.ts';
import { until } from '../support/until.ts';
import { expectComplaints, newScreen, useBrowser } from './screens.ts';

useBrowser();

const subject = vi.fn((req: Request) => /user=(\w+)/.exec(req.headers.cookie ?? '')?.[1]);
let victim: StreamApp;
/** To a browser `localhost` and `127.0.0.1` are two sites; another port is another origin of the same site. */
let victimUrl: string;
let asked: IncomingHttpHeaders[];
let attacker: Served;

beforeEach(async () => {
  asked = [];
  subject.mockClear();
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  attacker = await serve(
    express().use((_req, res) => void res.send('<!doctype html><title>another page</title>')),
  );
  victim = await streamApp((trigger) => {
    const own = {
      subject,
      key: (user: string) => `user:${user}`,
      data: (user: string) => `of ${user}`,
    };
    const stream = streamSse(trigger, own);
    return {
      '/sign-in': (_req, res) => {
        // The least that a cookie can do against being sent along.
        res.setHeader('Set-Cookie', 'user=alice; SameSite=None; Secure');
        res.end('<title>own page</title>');
      },
      '/stream': (req, res, next) => {
        asked.push(req.headers);
        stream(req, res, next);
      },
      '/listed': streamSse(trigger, { ...own, allowOrigins: [`http://localhost:${attacker.port}`] }),
    };
  });
  victimUrl = `http://localhost:${victim.served.port}`;
});
afterEach(async () => {
  vi.restoreAllMocks();
  await attacker[Symbol.asyncDispose]();
  await victim[Symbol.asyncDispose]();
});

/** How a page may ask for something; each gives what the page gets to see. */
const ways = {
  image: `new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve('loaded');
    image.onerror = () => resolve('nothing');
    image.src = STREAM;
  })`,
  script: `new Promise((resolve) => {
    const script = document.createElement('script');
    script.onload = () => resolve('loaded');
    script.onerror = () => resolve('nothing');
    script.src = STREAM;
    document.head.append(script);
  })`,
  'fetch with cookies': `fetch(STREAM, { credentials: 'include' }).then((answer) => answer.status, () => 'nothing')`,
  'fetch without a look': `fetch(STREAM, { credentials: 'include', mode: 'no-cors' }).then((answer) => answer.status || 'nothing', () => 'nothing')`,
  EventSource: `new Promise((resolve) => {
    const source = new EventSource(STREAM, { withCredentials: true });
    source.onmessage = ({ data }) => resolve(data);
    source.onerror = () => resolve(source.readyState === 2 ? 'nothing' : 'again');
  })`,
};

test.each([
  // Browsers hold back cookies from other sites more and more, this one always: that a request which has them is refused,
  // too, `origins` shows with headers that are made up.
  { site: 'another site', host: '127.0.0.1', is: 'cross-site', cookie: undefined },
  { site: 'another origin of the same site', host: 'localhost', is: 'same-site', cookie: 'user=alice' },
])(
  'P6: a page of $site gets nothing with the cookies of who looks at it, and opens nothing',
  async ({ host, is, cookie }) => {
    expectComplaints(/./);
    const screen = await newScreen(victimUrl);
    const page = await screen.newPage();
    await page.goto('/sign-in');
    await page.goto(`http://${host}:${attacker.port}/`);
    for (const [way, script] of Object.entries(ways)) {
      const got = await page.evaluate(script.replaceAll('STREAM', JSON.stringify(`${victimUrl}/stream`)));
      expect([way, got]).toEqual([way, 'nothing']);
    }
    await until(() => asked.length === Object.keys(ways).length);
    for (const headers of asked) expect(headers).toMatchObject({ 'sec-fetch-site': is });
    expect(asked.map((headers) => headers.cookie)).toEqual(asked.map(() => cookie));
    expect(subject).not.toHaveBeenCalled();
    expect(victim.trigger.stats()).toMatchObject({
      streams: 0,
      keys: 0,
      checks: 0,
      refused: { origin: asked.length },
    });
  },
);

test('P6: a page of the site itself gets its stream', async () => {
  expectComplaints(/404/); // it has no icon
  const page = await (await newScreen(victimUrl)).newPage();
  await page.goto('/sign-in');
  const stream = JSON.stringify(`${victimUrl}/stream`);
  expect(await page.evaluate(ways.EventSource.replaceAll('STREAM', stream))).toBe('of alice');
});

test('P6: a page of another origin gets the stream with the cookies of who looks at it where it is listed', async () => {
  expectComplaints(/404/); // it has no icon
  const page = await (await newScreen(victimUrl)).newPage();
  await page.goto('/sign-in');
  await page.goto(`http://localhost:${attacker.port}/`);
  const stream = JSON.stringify(`${victimUrl}/listed`);
  expect(await page.evaluate(ways.EventSource.replaceAll('STREAM', stream))).toBe('of alice');
});
