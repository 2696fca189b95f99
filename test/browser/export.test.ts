import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addUser, bell, eventually, newScreen, openPage, textOf, useBrowser } from './screens.ts';
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
  const rows = (await textOf(download)).trimEnd().split('\r\n');
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
