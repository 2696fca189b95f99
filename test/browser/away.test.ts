import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Line, startLine } from '../support/line.ts';
import { count, expectComplaints, light, notify, SERVER_AWAY, signIn, useBrowser } from './screens.ts';
import { type Demo, startDemo } from './start-demo.ts';

useBrowser();

let demo: Demo;
/** The way of those who go away. */
let line: Line;
beforeAll(async () => {
  demo = await startDemo();
  line = await startLine(Number(demo.port));
});
afterAll(async () => {
  await line[Symbol.asyncDispose]();
  await demo[Symbol.asyncDispose]();
});

/** For each test, since all have one server. */
const names = [
  ['alice', 'bob'],
  ['carol', 'dave'],
  ['erin', 'frank'],
] as const;
let tests = 0;
let sender: Page;
let page: Page;
let user: string;

/** Somebody who stays, and somebody who has seen one notification and goes away. */
beforeEach(async () => {
  const [from, to] = names[tests]!;
  tests += 1;
  user = to;
  sender = await signIn(demo.url, from);
  page = await signIn(line.url, user);
  await notify(sender, user, 'Before.');
  await count(page, user, 1).waitFor();
});

/** What comes while nobody looks. */
async function missTwo(): Promise<void> {
  await notify(sender, user, 'Meanwhile.');
  await notify(sender, user, 'And again.');
}

async function expectLive(): Promise<void> {
  await count(page, user, 3).waitFor();
  await notify(sender, user, 'After.');
  await count(page, user, 4).waitFor();
}

test('who comes back by the button of the browser sees the right count, and goes on to', async () => {
  expectComplaints(/404/); // JSON has no icon
  await page.evaluate(`addEventListener('pageshow', ({ persisted }) => { globalThis.wasKept = persisted; })`);
  await page.goto('/session');
  await missTwo();
  // No `load` comes from a page that was kept.
  await page.goBack({ waitUntil: 'commit' });
  await expectLive();
  // The page was not loaded anew, so that it was its own stream that knew.
  expect(await page.evaluate('globalThis.wasKept')).toBe(true);
});

test('a tab that was put to sleep shows the right count when it wakes up', async () => {
  // Only what nobody sees can be frozen, and here every page counts as seen: what a debugger stops runs as little.
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Debugger.enable');
  const asleep = new Promise((resolve) => devtools.once('Debugger.paused', resolve));
  await devtools.send('Debugger.pause');
  await missTwo();
  await asleep;
  await devtools.send('Debugger.resume');
  await expectLive();
});

test('a browser that was offline shows the right count when it is online again', async () => {
  expectComplaints(SERVER_AWAY);
  await page.context().setOffline(true);
  line.cut();
  await light(page, 'Connecting …').waitFor();
  await missTwo();
  expect(await count(page, user, 1).count()).toBe(1);
  await page.context().setOffline(false);
  await light(page, 'Live').waitFor();
  await expectLive();
});
