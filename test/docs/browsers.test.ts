import { fileURLToPath } from 'node:url';
import express, { type Express, type RequestHandler } from 'express';
import { SseTrigger } from 'sse-trigger';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { dashboard } from '../../docs/examples/browsers/feeds.ts';
import { order, toApp, trigger } from '../../docs/examples/browsers/server.ts';
import { openWithToken } from '../../docs/examples/browsers/token.ts';
import { eventually, expectComplaints, newScreen, useBrowser } from '../browser/screens.ts';
import { freePort } from '../support/free-port.ts';
import { type Served, serve } from '../support/serve.ts';
import { openStream } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

useBrowser();
// Streams of a page that was closed end in a moment.
beforeEach(() => until(() => trigger.stats().streams === 0));
afterAll(() => trigger.close());

/** Any complaint of the browser about an answer that a test is after. */
const REFUSED = /^Failed to load resource|EventSource's response has|Connecting to|ERR_/;

/** A server with the scripts of docs/examples/browsers/page.js and what they ask for. */
function servePages(app: Express, handlers: Readonly<Record<string, RequestHandler>> = {}): Promise<Served> {
  const all = express();
  const folder = fileURLToPath(new URL('../../docs/examples/browsers/', import.meta.url));
  for (const [path, handler] of Object.entries(handlers)) all.get(path, handler);
  all.use('/scripts', express.static(folder));
  all.get('/', (_req, res) => {
    res.send(
      '<!doctype html><link rel="icon" href="data:,"><p></p><script type="module" src="scripts/page.js"></script>',
    );
  });
  return serve(all.use(app));
}

/** A page of a browser in which somebody has signed in at `server`. */
async function openPage(url: string, server = url) {
  const screen = await newScreen(url);
  await screen.request.post(`${server}/sign-in`);
  const page = await screen.newPage();
  await page.goto('/');
  return page;
}

describe('in Chromium', () => {
  it('an EventSource gives up, or comes back, as the page says', async () => {
    expectComplaints(REFUSED);
    await using served = await servePages(express(), {
      '/answers/redirect': (_req, res) => res.redirect('/'),
      '/answers/html': (_req, res) => void res.send('<p>Please sign in.</p>'),
      '/answers/end': (_req, res) => void res.type('text/event-stream').end(': later\n\n'),
      '/answers/cut': (req) => void req.socket.destroy(),
      '/answers/:status': (req, res) => void res.status(Number(req.params.status)).end(),
    });
    const page = await openPage(served.url);
    const stateAfter = (url: string) =>
      page.evaluate<number>(`new Promise((resolve) => {
        const source = new EventSource('${url}');
        source.addEventListener('error', () => { resolve(source.readyState); source.close(); });
      })`);
    const givenUp = ['204', '401', '403', '404', '429', '500', '502', '503', 'redirect', 'html'];
    for (const answer of givenUp)
      expect([answer, await stateAfter(`/answers/${answer}`)]).toEqual([answer, 2]);
    for (const answer of ['end', 'cut'])
      expect([answer, await stateAfter(`/answers/${answer}`)]).toEqual([answer, 0]);
    expect(await stateAfter(`http://127.0.0.1:${await freePort()}/`)).toBe(0);
  });

  it('keepOpen opens another one after a 502', async () => {
    expectComplaints(REFUSED);
    let asked = 0;
    await using served = await servePages(toApp([]), {
      '/session': (_req, res) => void res.sendStatus(502),
      '/orders/stream': (_req, res, next) => {
        asked += 1;
        if (asked > 1) return next();
        res.status(502).end();
      },
    });
    const page = await openPage(served.url);
    await page.evaluate('showOrders()');
    await page.getByText('0').waitFor();
    expect(asked).toBe(2);
  });

  it('keepOpen opens no other one for whom the server does not know any more', async () => {
    expectComplaints(REFUSED);
    const asked: string[] = [];
    const refuse: RequestHandler = (req, res) => {
      asked.push(req.path);
      res.sendStatus(401);
    };
    await using served = await servePages(express(), { '/session': refuse, '/orders/stream': refuse });
    const page = await openPage(served.url);
    await page.clock.install();
    await page.evaluate('showOrders()');
    await until(async () => {
      await page.clock.runFor(2_000);
      return asked.includes('/session');
    });
    await page.clock.runFor(600_000);
    await page.evaluate(`fetch('/session')`);
    expect(asked).toEqual(['/orders/stream', '/session', '/session']);
  });

  it('a stream is open only while the page is seen', async () => {
    await using served = await servePages(toApp([]));
    const page = await openPage(served.url);
    // A browser without a window shows all of its pages.
    const turn = (state: string) =>
      page.evaluate(`
        Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      `);
    await page.evaluate('showWhileSeen()');
    await until(() => trigger.stats().streams === 1);
    await turn('hidden');
    await until(() => trigger.stats().streams === 0);
    order();
    await turn('visible');
    await page.getByText('1', { exact: false }).waitFor();
  });

  it('the seventh stream of a host waits for one of the six', async () => {
    await using served = await servePages(toApp([]));
    const page = await openPage(served.url);
    await page.evaluate(`
      globalThis.sources = Array.from({ length: 7 }, () => new EventSource('/orders/stream'));
      globalThis.heard = 0;
      for (const source of sources) source.addEventListener('message', () => { heard += 1; });
    `);
    await eventually(() => page.evaluate('heard')).toBe(6);
    order();
    await eventually(() => page.evaluate('heard')).toBe(12);
    expect(trigger.stats().streams).toBe(6);
    await page.evaluate('sources.find(({ readyState }) => readyState === EventSource.OPEN).close()');
    await eventually(() => page.evaluate('heard')).toBe(13);
  });

  it('a page that comes back from the cache has kept its stream, and gets what came meanwhile', async () => {
    expectComplaints(/404/);
    await using served = await servePages(toApp([]));
    const page = await openPage(served.url);
    const { runs } = trigger.stats();
    await page.evaluate(`
      addEventListener('pageshow', ({ persisted }) => { globalThis.wasKept = persisted; });
      globalThis.source = new EventSource('/orders/stream');
      source.addEventListener('message', ({ data }) => { globalThis.data = data; });
    `);
    const before = Number(await until(() => page.evaluate<string | undefined>('globalThis.data')));
    await page.goto('/scripts/page.js');
    order();
    await until(() => trigger.stats().runs === runs + 2);
    expect(trigger.stats().streams).toBe(1);
    await page.goBack({ waitUntil: 'commit' });
    await eventually(() => page.evaluate('globalThis.data')).toBe(`${before + 1}`);
    expect(await page.evaluate('globalThis.wasKept')).toBe(true);
  });

  it('a page of another origin that is listed gets the stream, with the cookies of its user', async () => {
    await using pages = await servePages(express());
    await using server = await serve(toApp([pages.url]));
    const page = await openPage(pages.url, server.url);
    await page.evaluate(`showOfAnother('${server.url}')`);
    await page.getByText(/\d/).waitFor();
  });
});

it('one connection carries several feeds', async () => {
  await using trigger = new SseTrigger();
  const app = express().get('/', dashboard(trigger));
  await using stream = await openStream(app, '/', { headers: { 'x-user': 'alice' } });
  const events = [await stream.next(), await stream.next(), await stream.next()];
  expect(events.map(({ event }) => event).sort()).toEqual(['bell', 'cart', 'notice']);
});

it('the EventSource of the npm package sends a token in a header', async () => {
  const app = express().get('/', (req, res) => {
    res.type('text/event-stream').end(`data: ${req.headers.authorization}\n\n`);
  });
  await using served = await serve(app);
  const source = openWithToken(served.url, 'abc');
  const { data } = await new Promise<MessageEvent>((resolve) => source.addEventListener('message', resolve));
  source.close();
  expect(data).toBe('Bearer abc');
});
