import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addUser, bell, eventually, newScreen, openPage, useBrowser } from './screens.ts';
import { openSources, watchSources } from './sources.ts';
import { type Demo, startDemo } from './start-demo.ts';

useBrowser();

let demo: Demo;
beforeAll(async () => {
  demo = await startDemo();
});
afterAll(() => demo.kill());

test('an export ends with its file, and does not start again', async () => {
  const page = await open('alice');
  for (const text of ['one', 'two, and "so" on', '=3', 'four', 'five']) {
    await page.request.post('/notifications', { data: { from: 'alice', to: 'alice', text } });
  }
  const requests: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/export')) requests.push(request.url());
  });
  const told = page.waitForResponse((answer) => answer.url().includes('/export') && answer.status() === 204);
  await bell(page, 'alice').getByRole('button', { name: 'Export' }).click();

  const progress = bell(page, 'alice').getByRole('progressbar');
  await eventually(() =>
    progress.evaluate((bar) => [bar.getAttribute('value'), bar.getAttribute('max')]),
  ).toEqual(['5', '5']);
  const downloading = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download 5 notifications' }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe('notifications-alice.csv');
  const file = await readFile(await download.path(), 'utf8');
  // By which Excel knows that the rest is UTF-8.
  expect(file[0]).toBe('\ufeff');
  const rows = file.slice(1).trimEnd().split('\r\n');
  expect(rows[0]).toBe('id,from,text,at,read');
  expect(rows.slice(1).map((row) => /^\d+,alice,(.*),[^,]*Z,false$/.exec(row)?.[1])).toEqual([
    'one',
    '"two, and ""so"" on"',
    "'=3",
    'four',
    'five',
  ]);

  await told;
  await eventually(() => openSources(page)).not.toContain('/notifications/export');
  expect(requests).toHaveLength(2);
});

test('another export can follow as soon as one is complete, and not before', async () => {
  const page = await open('dora');
  for (const text of ['one', 'two', 'three']) {
    await page.request.post('/notifications', { data: { from: 'dora', to: 'dora', text } });
  }
  const button = bell(page, 'dora').getByRole('button', { name: 'Export' });
  await button.click();
  expect(await button.getAttribute('aria-disabled')).toBe('true');
  await page.getByRole('link', { name: 'Download 3 notifications' }).waitFor();
  // The first one is still to come back, to be told that this was all.
  expect(await openSources(page)).toContain('/notifications/export');
  await page.request.post('/notifications', { data: { from: 'dora', to: 'dora', text: 'four' } });
  await button.click();
  await page.getByRole('link', { name: 'Download 4 notifications' }).waitFor();
  await eventually(() => openSources(page)).not.toContain('/notifications/export');
});

test('an export goes on when somebody else is added to the screen', async () => {
  const page = await open('emil');
  for (let n = 1; n <= 8; n += 1) {
    await page.request.post('/notifications', { data: { from: 'emil', to: 'emil', text: `number ${n}` } });
  }
  await bell(page, 'emil').getByRole('button', { name: 'Export' }).click();
  await page.locator('progress[value="2"]').waitFor();
  await addUser(page, 'fritz');
  const downloading = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download 8 notifications' }).click();
  const file = await readFile(await (await downloading).path(), 'utf8');
  expect(file.match(/number \d+/g)).toEqual(Array.from({ length: 8 }, (_, index) => `number ${index + 1}`));
});

test('of nothing there is a file, too', async () => {
  const page = await open('bob');
  await bell(page, 'bob').getByRole('button', { name: 'Export' }).click();
  await page.getByRole('link', { name: 'Download 0 notifications' }).waitFor();
});

test('an export that ends too early says so, and can be tried again', async () => {
  const page = await open('carol');
  const rows = {
    done: 1,
    total: 2,
    lines: ['id,from,text,at,read', '1,bob,Hello,2026-01-01T12:00:00Z,false'],
  };
  let answers = 0;
  await page.route('**/notifications/export*', (route) => {
    answers += 1;
    if (answers > 1) return route.fulfill({ status: 204 });
    const body = `retry: 1\nevent: rows\ndata: ${JSON.stringify(rows)}\n\n`;
    return route.fulfill({ contentType: 'text/event-stream', body });
  });
  await bell(page, 'carol').getByRole('button', { name: 'Export' }).click();
  await page.getByText('The export broke off.').waitFor();
  expect(await page.getByRole('link').count()).toBe(0);

  await page.unroute('**/notifications/export*');
  await bell(page, 'carol').getByRole('button', { name: 'Export' }).click();
  await page.getByRole('link', { name: 'Download 0 notifications' }).waitFor();
  expect(await page.getByText('The export broke off.').count()).toBe(0);
});

async function open(user: string): Promise<Page> {
  const screen = await newScreen(demo.url);
  await watchSources(screen);
  const page = await openPage(screen);
  await addUser(page, user);
  return page;
}
