import { afterAll, beforeAll, expect, test } from 'vitest';
import { bonnetCount, eventually, light, newScreen, openPage, signIn, useBrowser } from './screens.ts';
import { openSources, watchSources } from './sources.ts';
import { type Demo, startDemo } from './start-demo.ts';

useBrowser();

let demo: Demo;
beforeAll(async () => {
  demo = await startDemo();
});
afterAll(() => demo.kill());

test('checks climb while runs stand still', async () => {
  const page = await signIn(demo.url, 'alice');
  await eventually(() => bonnetCount(page, 'Callback runs')).toBe(1);
  const checks = await bonnetCount(page, 'Version checks');
  await eventually(() => bonnetCount(page, 'Version checks')).toBeGreaterThan(checks);
  expect(await bonnetCount(page, 'Callback runs')).toBe(1);
});

test('1,000 streams cost a run or two, and can be closed again', async () => {
  const page = await signIn(demo.url, 'bob');
  await eventually(() => bonnetCount(page, 'Open streams')).toBe(1);
  const runs = await bonnetCount(page, 'Callback runs');

  await page.getByRole('button', { name: '1,000 streams' }).click();
  await page
    .getByText(/^1,000 opened in [\d,]+ ms with [12] callback runs?; \d+ kB of heap a stream, both ends/)
    .waitFor();
  await eventually(() => bonnetCount(page, 'Open streams')).toBe(1001);
  expect((await bonnetCount(page, 'Callback runs')) - runs).toBeLessThanOrEqual(2);

  await page.getByRole('button', { name: 'Close them' }).click();
  await eventually(() => bonnetCount(page, 'Open streams')).toBe(1);
  await page.getByRole('button', { name: '1,000 streams' }).waitFor();
});

test('a tab that nobody sees has the stream of its bells open, and no other', async () => {
  const screen = await newScreen(demo.url);
  await watchSources(screen);
  const page = await openPage(screen);
  await page.getByLabel('Your name').fill('carol');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await light(page, 'Live').waitFor();
  expect((await openSources(page)).sort()).toEqual(['/bonnet/stream', '/notifications/stream']);

  const become = (hidden: boolean) =>
    page.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, value: ${hidden} });
      document.dispatchEvent(new Event('visibilitychange'))`);
  await become(true);
  expect(await openSources(page)).toEqual(['/notifications/stream']);
  await become(false);
  expect((await openSources(page)).sort()).toEqual(['/bonnet/stream', '/notifications/stream']);
});

test('streams that could not be opened are told, with the cause', async () => {
  const page = await openPage(await newScreen(demo.url));
  const bonnet = {
    pid: 1,
    startedAt: '2026-01-01T12:00:00Z',
    rss: 1e8,
    stats: {},
    watching: 492,
    loop: {},
    crowd: { open: 492, size: 1000, failed: 'EMFILE', cost: null },
    wire: [],
  };
  const body = `event: bonnet\ndata: ${JSON.stringify(bonnet)}\n\n`;
  await page.route('**/bonnet/stream', (route) => route.fulfill({ contentType: 'text/event-stream', body }));
  await page.reload();
  await page.getByText('492 of 1,000 opened (EMFILE).').waitFor();
  expect(await page.getByRole('progressbar').isVisible()).toBe(false);
});
