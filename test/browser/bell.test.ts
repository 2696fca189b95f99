import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { startRedis } from '../support/redis-server.ts';
import { type Demo, startDemo } from './start-demo.ts';

let browser: Browser;
let demo: Demo;

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

beforeEach(async () => {
  demo = await startDemo();
});
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await demo.stop();
});

test("alice notifies bob, and bob's count changes without a reload", async () => {
  const alice = await signIn('alice');
  const bob = await signIn('bob');
  await bob.evaluate('window.loadedOnce = true');

  await notify(alice, 'bob', 'Lunch at noon?');
  await bob.getByText('1 unread').waitFor();
  await notify(alice, 'bob', 'Bring the drafts.');
  await bob.getByText('2 unread').waitFor();

  expect(await newest(bob)).toEqual(['Bring the drafts.', 'Lunch at noon?']);
  expect(await bob.title()).toBe('(2) The bell');
  expect(await bob.evaluate('window.loadedOnce')).toBe(true);
  expect(await newest(alice)).toEqual([]);
});

test("with REDIS_URL, two processes ring each other's bells", async () => {
  await using redis = await startRedis();
  const folder = await mkdtemp(join(tmpdir(), 'sse-trigger-bell-'));
  const env = { REDIS_URL: redis.url, DATABASE_FILE: join(folder, 'bell.sqlite') };
  const here = await startDemo(env);
  const there = await startDemo(env);
  try {
    const alice = await signIn('alice', here.url);
    const bob = await signIn('bob', there.url);
    await notify(alice, 'bob', 'From the other process.');
    await bob.getByText('1 unread').waitFor();
    await notify(bob, 'alice', 'And back.');
    await alice.getByText('1 unread').waitFor();
  } finally {
    await Promise.all([here.stop(), there.stop()]);
    await rm(folder, { recursive: true });
  }
});

test('a text with HTML shows as it was typed', async () => {
  const alice = await signIn('alice');
  const text = '<img src=x onerror="document.title = 1"> & <b>so</b> on';
  await notify(alice, 'alice', text);
  await alice.getByText('1 unread').waitFor();
  expect(await newest(alice)).toEqual([text]);
});

test('the newest five show, the newest first, until all are read', async () => {
  const alice = await signIn('alice');
  for (const text of ['one', 'two', 'three', 'four', 'five', 'six']) await notify(alice, 'alice', text);
  await alice.getByText('6 unread').waitFor();
  expect(await newest(alice)).toEqual(['six', 'five', 'four', 'three', 'two']);

  await alice.getByRole('button', { name: 'Mark all as read' }).click();
  await alice.getByText('6 unread').waitFor({ state: 'hidden' });
  expect(await newest(alice)).toEqual(['six', 'five', 'four', 'three', 'two']);
});

test('after sign-out nothing of it is left on the page', async () => {
  const alice = await signIn('alice');
  await notify(alice, 'alice', 'Between us.');
  await alice.getByText('Between us.').waitFor();
  await alice.getByRole('button', { name: 'Sign out' }).click();
  await alice.getByLabel('Your name').waitFor();
  expect(await alice.content()).not.toContain('Between us.');
});

test('Ctrl-C ends the demo although a stream is open', async () => {
  const alice = await signIn('alice');
  expect(await demo.stop()).toBe(0);
  await alice.getByText('Connecting …').waitFor();
});

test('a page whose session went down with the server asks to sign in again', async () => {
  const alice = await signIn('alice');
  await demo.stop('SIGKILL');
  demo = await startDemo({ PORT: new URL(demo.url).port });
  await alice.getByLabel('Your name').waitFor();
});

/** A browser of its own, as far as cookies go, that shows the bell of `name` and gets its stream. */
async function signIn(name: string, url = demo.url): Promise<Page> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(url);
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Nothing yet.').waitFor();
  return page;
}

async function notify(page: Page, to: string, text: string): Promise<void> {
  await page.getByLabel('Name', { exact: true }).fill(to);
  await page.getByLabel('Message').fill(text);
  await page.getByRole('button', { name: 'Notify' }).click();
  // The page empties it once the server has taken it.
  await expect.poll(() => page.getByLabel('Message').inputValue()).toBe('');
}

/** The texts in the list, from the top. */
function newest(page: Page): Promise<string[]> {
  return page.locator('#newest .text').allInnerTexts();
}
