import { text } from 'node:stream/consumers';
import type {
  Browser,
  BrowserContext,
  BrowserContextOptions,
  Download,
  Locator,
  Page,
} from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { launchBrowser } from '../support/browser.ts';

let browser: Browser;
/** What the console of a page complained of, a violation of the Content-Security-Policy too, and what it threw. */
const complaints: string[] = [];
/** Complaints that a test brings about on purpose. */
let expected: RegExp | undefined;

/** Called once in a test file: a browser for its tests, each of which fails when a page has complained of anything. */
export function useBrowser(): void {
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    const unexpected = complaints.splice(0).filter((complaint) => !expected?.test(complaint));
    expected = undefined;
    expect(unexpected).toEqual([]);
  });
}

/** What every browser says of a server that is away. */
export const SERVER_AWAY = /^Failed to load resource: net::ERR_/;

export function expectComplaints(pattern: RegExp): void {
  expected = pattern;
}

/** A browser of its own, as far as cookies go. Everything in it uses `url`. */
export async function newScreen(url: string, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const screen = await browser.newContext({ baseURL: url, ...options });
  screen.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  screen.on('weberror', (error) => complaints.push(`${error.error()}`));
  return screen;
}

export async function openPage(screen: BrowserContext): Promise<Page> {
  const page = await screen.newPage();
  await page.goto('/');
  return page;
}

/** A page on a screen of its own that shows the bells of `names`, and is told by its stream. */
export async function signIn(url: string, ...names: string[]): Promise<Page> {
  const page = await openPage(await newScreen(url));
  for (const name of names) await addUser(page, name);
  return page;
}

export async function addUser(page: Page, name: string): Promise<void> {
  const isFirst = (await bell(page).count()) === 0;
  await page.getByLabel(isFirst ? 'Your name' : 'Add another user').fill(name);
  await page.getByRole('button', { name: isFirst ? 'Sign in' : 'Add', exact: true }).click();
  await count(page, name).waitFor();
}

/** The card of one user, or of all. */
export function bell(page: Page, user = ''): Locator {
  return page.getByRole('region', { name: `The bell of ${user}` });
}

/** What a screen reader is told: how many unread ones `user` has, or that it is exactly so many. */
export function count(page: Page, user: string, unread?: number): Locator {
  const text = unread === undefined ? `${user}: ` : `${user}: ${unread} unread`;
  return bell(page, user).getByRole('status').filter({ hasText: text });
}

/** The texts in the list of `user`, from the top. */
export function newest(page: Page, user: string): Promise<string[]> {
  return bell(page, user).locator('.text').allInnerTexts();
}

/** Fills in the form. On a screen with several users, `from` says which of them sends. */
export async function notify(page: Page, to: string, message: string, from?: string): Promise<void> {
  if (from !== undefined) await page.getByLabel('From').selectOption(from);
  await page.getByLabel('To', { exact: true }).fill(to);
  await page.getByLabel('Message').fill(message);
  await page.getByRole('button', { name: 'Notify' }).click();
  // The page empties it once the server has taken it.
  await eventually(() => page.getByLabel('Message').inputValue()).toBe('');
}

/** The light in the corner. */
export function light(page: Page, says: 'Live' | 'Connecting …'): Locator {
  return page.getByRole('status').filter({ hasText: says });
}

/** What stands in a row of "Under the bonnet". */
export async function bonnetCount(page: Page, row: string): Promise<number> {
  const cell = page.getByRole('row', { name: row }).getByRole('cell').first();
  return Number((await cell.innerText()).replaceAll(',', ''));
}

/** The process that answers, by "Under the bonnet". */
export async function bonnetPid(page: Page): Promise<number> {
  const line = page.getByText(/^Process \d+, since/);
  return Number(/\d+/.exec(await line.innerText())![0]);
}

export async function textOf(download: Download): Promise<string> {
  return text(await download.createReadStream());
}

/** For what changes by itself, and soon. */
export function eventually<T>(ask: () => T | Promise<T>): ReturnType<typeof expect.poll<T>> {
  return expect.poll(ask, { timeout: 10_000 });
}
