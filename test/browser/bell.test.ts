import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  addUser,
  bell,
  bonnetCount,
  count,
  eventually,
  expectComplaints,
  light,
  newest,
  newScreen,
  notify,
  openPage,
  SERVER_AWAY,
  signIn,
  useBrowser,
} from './screens.ts';
import { openSources, watchSources } from './sources.ts';
import { type Demo, startDemo } from './start-demo.ts';

useBrowser();

/** One for all tests, each of which has users of its own. */
let demo: Demo;
beforeAll(async () => {
  demo = await startDemo();
});
afterAll(() => demo.kill());

test("alice notifies bob, and bob's count changes without a reload", async () => {
  const alice = await signIn(demo.url, 'alice');
  const bob = await signIn(demo.url, 'bob');
  await bob.evaluate('window.loadedOnce = true');

  await notify(alice, 'bob', 'Lunch at noon?');
  await count(bob, 'bob', 1).waitFor();
  await notify(alice, 'bob', 'Bring the drafts.');
  await count(bob, 'bob', 2).waitFor();

  expect(await newest(bob, 'bob')).toEqual(['Bring the drafts.', 'Lunch at noon?']);
  expect(await bob.title()).toBe('(2) The bell');
  expect(await bob.evaluate('window.loadedOnce')).toBe(true);
  expect(await newest(alice, 'alice')).toEqual([]);
});

test('a count that has not changed is not read out again', async () => {
  const page = await signIn(demo.url, 'ada', 'ben');
  const said = await count(page, 'ada').evaluateHandle((region) => region.firstChild!);
  await notify(page, 'ben', 'Not for ada.', 'ada');
  await count(page, 'ben', 1).waitFor();
  // Screen readers speak when the text is set, even to what it was.
  expect(await said.evaluate((text) => text.isConnected)).toBe(true);
  await notify(page, 'ada', 'Now it is.', 'ben');
  await count(page, 'ada', 1).waitFor();
  expect(await page.title()).toBe('(2) The bell');
});

test('what carol has read in a second tab is read in the first', async () => {
  const first = await signIn(demo.url, 'carol');
  for (const text of ['one', 'two', 'three']) await notify(first, 'carol', text);
  await count(first, 'carol', 3).waitFor();
  const second = await openPage(first.context());

  await bell(second, 'carol').getByRole('button', { name: 'Mark as read: two' }).click();
  await count(first, 'carol', 2).waitFor();
  expect(await unreadTexts(first)).toEqual(['three', 'one']);

  await bell(second, 'carol').getByRole('button', { name: 'Mark all as read' }).click();
  await count(first, 'carol', 0).waitFor();
  expect(await unreadTexts(first)).toEqual([]);
  expect(await newest(first, 'carol')).toEqual(['three', 'two', 'one']);
  expect(await first.title()).toBe('The bell');
});

test('the newest five show, the newest first, and who is among them with the keyboard stays there', async () => {
  const page = await signIn(demo.url, 'frida');
  for (const text of ['one', 'two', 'three', 'four', 'five']) await notify(page, 'frida', text);
  await count(page, 'frida', 5).waitFor();
  expect(await newest(page, 'frida')).toEqual(['five', 'four', 'three', 'two', 'one']);

  await page.getByRole('button', { name: 'Mark as read: one' }).focus();
  await page.request.post('/notifications', { data: { from: 'frida', to: 'frida', text: 'six' } });
  await count(page, 'frida', 6).waitFor();
  expect(await newest(page, 'frida')).toEqual(['six', 'five', 'four', 'three', 'two']);
  await focused(page.getByRole('button', { name: 'Mark as read: two' }));
});

test('when dave signs out, his streams end in both tabs, and nothing of his is left', async () => {
  const watcher = await signIn(demo.url, 'eve');
  const first = await signIn(demo.url, 'dave');
  const second = await openPage(first.context());
  await notify(first, 'dave', 'Between us.');
  for (const page of [first, second]) await page.getByText('Between us.', { exact: true }).waitFor();
  await eventually(() => bonnetCount(watcher, 'Open streams')).toBe(3);

  await first.getByRole('button', { name: 'Sign out', exact: true }).click();
  for (const page of [first, second]) {
    await page.getByLabel('Your name').waitFor();
    expect(await page.content()).not.toMatch(/Between us|dave/);
    expect(await page.title()).toBe('The bell');
  }
  await eventually(() => bonnetCount(watcher, 'Open streams')).toBe(1);

  await addUser(second, 'dave');
  await first.getByText('Between us.', { exact: true }).waitFor();
});

test('when mia signs out everywhere, her streams end on every screen, and nobody else is signed out', async () => {
  const [here, there] = [await signIn(demo.url, 'mia'), await signIn(demo.url, 'nora', 'mia')];
  await notify(here, 'mia', 'Between us.');
  for (const page of [here, there]) await page.getByText('Between us.', { exact: true }).waitFor();

  await bell(here, 'mia').getByRole('button', { name: 'Sign out everywhere' }).click();
  await here.getByLabel('Your name').waitFor();
  await eventually(() => bell(there, 'mia').count()).toBe(0);
  expect(await there.content()).not.toMatch(/Between us/);
  await notify(there, 'nora', 'Still here.');
  await count(there, 'nora', 1).waitFor();
});

test('a name and texts full of HTML and emoji show as they were typed, on the wire too', async () => {
  const name = '<b onclick="x">Zoë</b> & 🔔';
  const text = '<img src=x onerror="document.title = 1"> & <script>alert(1)</script> &amp; 🎉👩‍🚀';
  const page = await signIn(demo.url, name);
  await notify(page, name, text);
  await count(page, name, 1).waitFor();

  expect(await page.getByRole('heading', { name }).innerText()).toBe(name);
  expect(await bell(page, name).locator('.who strong').allInnerTexts()).toEqual([name]);
  expect(await newest(page, name)).toEqual([text]);
  expect(
    await page.locator('#names option').evaluateAll((all) => all.map((one) => one.getAttribute('value'))),
  ).toEqual([name]);
  const wire = page.getByRole('region', { name: 'On the wire' });
  await wire.filter({ hasText: JSON.stringify(text) }).waitFor();
  await page.getByText(`\u2068${name}\u2069 was notified.`, { exact: true }).waitFor();
  expect(await page.locator('b[onclick], img[src=x], main script').count()).toBe(0);
});

test('several users of one screen ring each other, with nothing but a keyboard', async () => {
  const page = await openPage(await newScreen(demo.url));
  const { keyboard } = page;

  await tabTo(page.getByLabel('Your name'));
  await keyboard.type('grace');
  await keyboard.press('Enter');
  await focused(bell(page, 'grace').getByRole('heading'));
  await tabTo(page.getByLabel('Add another user'));
  await keyboard.type('heidi');
  await keyboard.press('Enter');
  await focused(bell(page, 'heidi').getByRole('heading'));

  await tabTo(page.getByLabel('From'));
  await keyboard.type('heidi');
  await tabTo(page.getByLabel('To', { exact: true }));
  await keyboard.type('grace');
  for (const [index, text] of ['one', 'two', 'three'].entries()) {
    await tabTo(page.getByLabel('Message'));
    await keyboard.type(text);
    await keyboard.press('Enter');
    await count(page, 'grace', index + 1).waitFor();
  }

  const grace = bell(page, 'grace');
  await tabTo(grace.getByRole('button', { name: 'Mark as read: two' }));
  await keyboard.press('Space');
  await count(page, 'grace', 2).waitFor();
  await focused(grace.getByRole('button', { name: 'Mark as read: one' }));
  await tabTo(grace.getByRole('button', { name: 'Mark all as read' }));
  await keyboard.press('Enter');
  await count(page, 'grace', 0).waitFor();
  await focused(grace.getByRole('button', { name: 'Mark all as read' }));

  await tabTo(grace.getByRole('button', { name: 'Sign out', exact: true }));
  await keyboard.press('Enter');
  await focused(bell(page, 'heidi').getByRole('heading'));
  await tabTo(bell(page, 'heidi').getByRole('button', { name: 'Sign out', exact: true }));
  await keyboard.press('Space');
  await focused(page.getByLabel('Your name'));
});

test('four users fit on a screen', async () => {
  const page = await signIn(demo.url, 'ike', 'jo', 'kim', 'lee');
  expect(await bell(page).count()).toBe(4);
  expect(await page.getByLabel('Add another user').isVisible()).toBe(false);
});

test('what the server refuses is told in words, once the form is no longer busy, and its field has the focus', async () => {
  expectComplaints(/status of 400/);
  const page = await openPage(await newScreen(demo.url));
  const name = page.getByLabel('Your name');
  const form = page.locator('form', { has: name });
  // What changes while it is busy is not read out.
  const busy = await form.locator('output').evaluateHandle((output) => {
    const seen: (string | null)[] = [];
    Object.defineProperty(output, 'textContent', {
      set(text: string) {
        seen.push(output.closest('form')!.ariaBusy);
        output.append(text);
      },
    });
    return seen;
  });
  await name.fill('   ');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('name must be 1 to 40 characters long').waitFor();
  expect(await busy.jsonValue()).toEqual(['false']);
  expect(await name.getAttribute('aria-invalid')).toBe('true');
  await focused(name);

  await addUser(page, 'nina');
  expect(await page.locator('[aria-invalid=true]').count()).toBe(0);
});

test('when there is no answer, the page says what may be the cause', async () => {
  const page = await openPage(await newScreen(demo.url));
  await page.clock.install();
  const asked = page.waitForRequest('**/sign-in');
  await page.route('**/sign-in', () => {}); // and nothing more
  await page.getByLabel('Your name').fill('olga');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await asked;
  await page.clock.runFor(9000);
  expect(await page.getByText('No answer.').count()).toBe(0);
  await page.clock.runFor(1000);
  await page.getByText('No answer. Browsers open only six connections to a server').waitFor();
});

test('a page that comes while the server is away says so, until it knows who is signed in', async () => {
  expectComplaints(SERVER_AWAY);
  const screen = await newScreen(demo.url);
  await screen.route('**/session', (route) => route.abort(), { times: 1 });
  const page = await openPage(screen);
  await light(page, 'Connecting …').waitFor();
  await page.getByLabel('Your name').waitFor();
  expect(await light(page, 'Connecting …').count()).toBe(0);
});

test('when somebody is added, the light goes on in all tabs, and each has its two streams', async () => {
  const screen = await newScreen(demo.url);
  await watchSources(screen);
  const first = await openPage(screen);
  await addUser(first, 'paul');
  const second = await openPage(screen);
  await count(second, 'paul').waitFor();
  for (const page of [first, second]) {
    await light(page, 'Live').waitFor();
    await page.evaluate(`
      globalThis.said = [];
      new MutationObserver(() => said.push(light.textContent)).observe(light, { childList: true });
      new MutationObserver(() => said.push(document.getElementById('process').textContent))
        .observe(document.getElementById('process'), { childList: true });
    `);
  }
  await addUser(first, 'quinn');
  await count(second, 'quinn').waitFor();
  for (const page of [first, second]) {
    await eventually(() => page.evaluate("said.includes('Live')")).toBe(true);
    expect(await page.evaluate("said.includes('Connecting …')")).toBe(false);
    expect((await openSources(page)).sort()).toEqual(['/bonnet/stream', '/notifications/stream']);
  }
});

test('characters that turn the direction of writing turn nothing else, and show on the wire as they were sent', async () => {
  const name = 'rita\u202e';
  const page = await signIn(demo.url, name);
  await notify(page, name, 'abc \u202edef');
  await count(page, name, 1).waitFor();
  for (const typed of ['h2', '.from strong', '.text']) {
    expect(
      await bell(page, name)
        .locator(typed)
        .evaluate((element) => element.ownerDocument.defaultView!.getComputedStyle(element).unicodeBidi),
    ).toBe('isolate');
  }
  const data = page.getByRole('region', { name: 'On the wire' }).locator('span', { hasText: 'abc' }).last();
  const written = await data.evaluate((line) => {
    const text = line.lastChild!;
    const range = line.ownerDocument.createRange();
    const sent = text.textContent!;
    const places = [...sent.trimEnd()].map((_, index) => {
      range.setStart(text, index);
      range.setEnd(text, index + 1);
      const { left, top } = range.getBoundingClientRect();
      return { left, top };
    });
    return { sent, places };
  });
  expect(written.sent).toContain('abc \\u202edef');
  written.places.reduce((before, place) => {
    if (place.top === before.top) expect(place.left).toBeGreaterThan(before.left);
    return place;
  });
});

test('fingers find what they are to press', async () => {
  const page = await openPage(await newScreen(demo.url, { hasTouch: true, isMobile: true }));
  await addUser(page, 'sven');
  await notify(page, 'sven', 'Press here.');
  for (const button of await bell(page, 'sven').getByRole('button').all()) {
    expect((await button.boundingBox())!.height).toBeGreaterThanOrEqual(44);
  }
});

test('a stream that the browser gives up is opened again', async () => {
  expectComplaints(/status of 503/);
  const screen = await newScreen(demo.url);
  await screen.route('**/notifications/stream', (route) => route.fulfill({ status: 503 }), { times: 1 });
  const page = await openPage(screen);
  await addUser(page, 'mallory');
  await page.getByText('Live', { exact: true }).waitFor();
});

/** Of those that can still be marked as read. */
function unreadTexts(page: Page): Promise<string[]> {
  return page
    .getByRole('listitem')
    .filter({ has: page.getByRole('button') })
    .locator('.text')
    .allInnerTexts();
}

/** Presses Tab until `target` has the focus, through the whole page if need be. */
async function tabTo(target: Locator): Promise<void> {
  for (let presses = 0; presses < 60; presses += 1) {
    if (await hasFocus(target)) return;
    await target.page().keyboard.press('Tab');
  }
  throw new Error(`Tab does not come to ${target}`);
}

async function focused(target: Locator): Promise<void> {
  await eventually(() => hasFocus(target)).toBe(true);
}

function hasFocus(target: Locator): Promise<boolean> {
  return target.evaluate((element) => element === element.ownerDocument.activeElement);
}
