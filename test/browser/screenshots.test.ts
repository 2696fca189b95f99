// SCREENSHOT is a folder that keeps the pictures, and bell.png among them, which is docs/bell.png:
//   SCREENSHOT=/tmp/pictures npm test -- test/browser/screenshots && cp /tmp/pictures/bell.png docs/
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  addUser,
  bell,
  count,
  expectComplaints,
  newScreen,
  notify,
  openPage,
  SERVER_AWAY,
  signIn,
  useBrowser,
} from './screens.ts';
import { type Demo, startDemo } from './start-demo.ts';

useBrowser();

const PHONE = { width: 360, height: 800 };
const DESKTOP = { width: 1280, height: 900 };

const KEPT = process.env.SCREENSHOT;

let folder: string;
let demo: Demo;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sse-trigger-bell-'));
  if (KEPT !== undefined) await mkdir(KEPT, { recursive: true });
  demo = await startDemo({ DATABASE_FILE: join(folder, 'bell.sqlite') });
});
afterAll(async () => {
  await demo.kill();
  await rm(folder, { recursive: true });
});

test('a product as people see it first, on a phone and on a desktop, light and dark', async () => {
  expectComplaints(SERVER_AWAY); // during the restart
  const page = await openPage(await newScreen(demo.url, { viewport: DESKTOP, locale: 'en-GB' }));
  await addUser(page, 'Maya');
  await addUser(page, 'Jonas');
  await notify(page, 'Maya', 'Could you look over the release notes?', 'Jonas');
  await notify(page, 'Jonas', 'Done, with two small remarks.', 'Maya');
  await notify(page, 'Maya', 'Thank you! Then we ship at three.', 'Jonas');
  await notify(page, 'Jonas', 'The build is green on all platforms.', 'Maya');
  await notify(page, 'Maya', 'On my way. Please keep me a slice.', 'Jonas');
  await bell(page, 'Maya').getByRole('button', { name: 'Mark as read: Could you' }).click();
  await bell(page, 'Jonas').getByRole('button', { name: 'Mark as read: Done' }).click();
  await page.getByRole('button', { name: '1,000 streams' }).click();
  await page.getByText('1,000 opened').waitFor();
  await page.getByRole('button', { name: 'Restart' }).click();
  await page.getByText('1,001 streams came back, 0 callbacks ran.').waitFor();
  await notify(page, 'Jonas', 'Version 2.4 is out. Cake in the kitchen.', 'Maya');
  await count(page, 'Jonas', 2).waitFor();
  await page.getByLabel('Message').fill('And do bring the good coffee.');
  await page.mouse.move(0, 0);
  await page.evaluate('document.activeElement.blur()');

  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const [device, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
      await page.setViewportSize(viewport);
      await page.screenshot({ path: join(KEPT ?? folder, `${device}-${colorScheme}.png`), fullPage: true });
      expect(await overflow(page)).toBeLessThanOrEqual(0);
    }
  }
  if (KEPT !== undefined) await takePicture(page, join(KEPT, 'bell.png'));
}, 60_000);

test('the longest names and texts fit on a phone', async () => {
  const name = 'W'.repeat(40);
  const page = await signIn(demo.url, name, 'M'.repeat(40), '🔔'.repeat(20), 'i');
  await page.setViewportSize(PHONE);
  await notify(page, name, 'x'.repeat(200), name);
  await notify(page, 'i', '&'.repeat(200), 'M'.repeat(40));
  await count(page, name, 1).waitFor();
  await count(page, 'i', 1).waitFor();
  expect(await overflow(page)).toBeLessThanOrEqual(0);
});

/** For the README, once one sees well what one loop a connection would have cost. */
async function takePicture(page: Page, file: string): Promise<void> {
  await page.getByRole('row', { name: /^Version checks [\d,]+ 1\d,\d{3}$/ }).waitFor();
  await page.screenshot({ path: file });
}

/** By how many pixels the page is wider than its window. */
function overflow(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - innerWidth');
}
