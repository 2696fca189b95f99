import express from 'express';
import { expect, it, vi } from 'vitest';
import { SseTrigger, streamSse } from '../src/index.ts';
import { head, serve } from './support/serve.ts';

const listed = 'https://app.example.org';

interface Case {
  readonly who: string;
  readonly headers: Readonly<Record<string, string>>;
  /** By default; with `listed` in allowOrigins; on a public stream with '*'. */
  readonly allowed: readonly [byDefault: boolean, withList: boolean, toAll: boolean];
}

const fetchFrom = (site: string, more = {}) => ({
  'sec-fetch-site': site,
  'sec-fetch-mode': 'cors',
  'sec-fetch-dest': 'empty',
  ...more,
});
const everywhere = [true, true, true] as const;
const nowhere = [false, false, false] as const;
const whereListed = [false, true, true] as const;
const publicOnly = [false, false, true] as const;

const cases: Case[] = [
  { who: 'a page of the same origin', headers: fetchFrom('same-origin'), allowed: everywhere },
  { who: 'the user agent itself', headers: fetchFrom('none'), allowed: everywhere },
  { who: 'curl', headers: {}, allowed: everywhere },
  { who: 'a page without Fetch Metadata', headers: { origin: 'http://the.host:81' }, allowed: everywhere },
  { who: 'a page of another port', headers: { origin: 'http://the.host:82' }, allowed: publicOnly },
  { who: 'a page of another host', headers: { origin: 'https://evil.example' }, allowed: publicOnly },
  { who: 'a page without an origin', headers: { origin: 'null' }, allowed: publicOnly },
  { who: 'an origin that is none', headers: { origin: 'the.host:81' }, allowed: publicOnly },
  { who: 'a page of the same site', headers: fetchFrom('same-site'), allowed: publicOnly },
  { who: 'a page of another site', headers: fetchFrom('cross-site'), allowed: publicOnly },
  {
    who: 'a page of another site that claims to be the host',
    headers: fetchFrom('cross-site', { origin: 'http://the.host:81' }),
    allowed: publicOnly,
  },
  { who: 'a listed page', headers: fetchFrom('cross-site', { origin: listed }), allowed: whereListed },
  {
    who: 'a listed page of the same site',
    headers: fetchFrom('same-site', { origin: listed }),
    allowed: whereListed,
  },
  { who: 'a listed page without Fetch Metadata', headers: { origin: listed }, allowed: whereListed },
  { who: 'a page of a longer origin', headers: { origin: `${listed}.evil.example` }, allowed: publicOnly },
  { who: 'a page over plain http', headers: { origin: 'http://app.example.org' }, allowed: publicOnly },
  { who: 'an unknown word', headers: fetchFrom('sibling'), allowed: publicOnly },
  ...['same-origin', 'cross-site', 'none'].flatMap((site) => [
    {
      who: `an image on a page (${site})`,
      headers: fetchFrom(site, { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }),
      allowed: nowhere,
    },
    {
      who: `a script on a page (${site})`,
      headers: fetchFrom(site, { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' }),
      allowed: nowhere,
    },
    {
      who: `a navigation (${site})`,
      headers: fetchFrom(site, { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }),
      allowed: nowhere,
    },
  ]),
  {
    who: 'a navigation that does not say where to',
    headers: { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' },
    allowed: nowhere,
  },
  {
    who: 'an image of a listed page',
    headers: fetchFrom('cross-site', { origin: listed, 'sec-fetch-dest': 'image' }),
    allowed: nowhere,
  },
];

it.each(cases)('holds to its origin: $who (P6)', async ({ headers, allowed }) => {
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  await using trigger = new SseTrigger();
  const subject = vi.fn(() => 1);
  const ownStream = { subject, key: () => 'a', data: () => 1 };
  const app = express()
    .get('/default', streamSse(trigger, ownStream))
    .get('/list', streamSse(trigger, { ...ownStream, allowOrigins: [listed] }))
    .get('/all', streamSse(trigger, { key: 'a', data: () => 1, allowOrigins: '*' }));
  await using served = await serve(app);
  const statuses = [];
  for (const path of ['/default', '/list', '/all']) {
    const response = await head(served.url + path, { host: 'the.host:81', ...headers });
    statuses.push(response.statusCode);
    response.destroy();
  }
  expect(statuses).toEqual(allowed.map((isAllowed) => (isAllowed ? 200 : 403)));
  const [byDefault, withList, toAll] = allowed;
  expect(subject).toHaveBeenCalledTimes(Number(byDefault) + Number(withList));
  expect(trigger.stats().refused.origin).toBe(3 - Number(byDefault) - Number(withList) - Number(toAll));
});

it('tells a browser that a listed origin may read it, with cookies', async () => {
  await using trigger = new SseTrigger();
  const handler = streamSse(trigger, { key: 'a', data: () => 1, allowOrigins: [listed] });
  await using app = await serve(handlerOf(handler));
  const asked = await head(app.url, { origin: listed });
  expect(asked.headers).toMatchObject({
    'access-control-allow-origin': listed,
    'access-control-allow-credentials': 'true',
  });
  asked.destroy();
  const own = await head(app.url);
  expect(own.headers).not.toHaveProperty('access-control-allow-origin');
  expect(own.headers).not.toHaveProperty('access-control-allow-credentials');
  own.destroy();
});

it('lets a listed origin see that nobody is signed in, so that its EventSource gives up', async () => {
  await using trigger = new SseTrigger();
  const handler = streamSse(trigger, {
    subject: () => undefined,
    key: () => 'a',
    data: () => 1,
    allowOrigins: [listed],
  });
  await using app = await serve(handlerOf(handler));
  const response = await head(app.url, { origin: listed });
  expect(response.statusCode).toBe(401);
  expect(response.headers).toMatchObject({
    'access-control-allow-origin': listed,
    'access-control-allow-credentials': 'true',
    vary: 'Cookie, Origin',
  });
  response.resume();
});

it('tells a browser that anybody may read a public stream, without cookies', async () => {
  await using trigger = new SseTrigger();
  const handler = streamSse(trigger, { key: 'a', data: () => 1, allowOrigins: '*' });
  await using app = await serve(handlerOf(handler));
  const response = await head(app.url, { origin: 'https://anywhere.example' });
  expect(response.headers['access-control-allow-origin']).toBe('*');
  expect(response.headers).not.toHaveProperty('access-control-allow-credentials');
  response.destroy();
});

it('warns once a route of an origin that it refuses, and names the option', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  await using trigger = new SseTrigger();
  await using app = await serve(handlerOf(streamSse(trigger, { key: 'a', data: () => 1 })));
  warn.mockClear();
  for (const origin of ['https://one.example', 'https://two.example']) {
    const response = await head(app.url, { origin });
    expect(response.statusCode).toBe(403);
    response.resume();
  }
  expect(warn.mock.calls).toEqual([
    [
      'a stream was refused to https://one.example; if its pages may open it, list the origin in allowOrigins',
      { code: 'SSE_TRIGGER_ORIGIN' },
    ],
  ]);
});

function handlerOf(handler: ReturnType<typeof streamSse>) {
  return express().use(handler);
}
