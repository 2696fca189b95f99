import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startRedis } from '../support/redis-server.ts';
import {
  bell,
  bonnetCount,
  bonnetPid,
  count,
  eventually,
  expectComplaints,
  light,
  notify,
  SERVER_AWAY,
  signIn,
  textOf,
  useBrowser,
} from './screens.ts';
import { startDemo } from './start-demo.ts';

useBrowser();

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sse-trigger-bell-'));
  expectComplaints(SERVER_AWAY);
});
afterEach(() => rm(folder, { recursive: true }));

test('a server that was killed and started again costs those who missed nothing no run', async () => {
  await using redis = await startRedis();
  const env = { REDIS_URL: redis.url, DATABASE_FILE: join(folder, 'bell.sqlite') };
  await using demo = await startDemo(env);
  const alice = await signIn(demo.url, 'alice');
  const bob = await signIn(demo.url, 'bob');
  await notify(alice, 'bob', 'Before.');
  await count(bob, 'bob', 1).waitFor();
  const pid = await bonnetPid(alice);

  await demo.kill();
  for (const page of [alice, bob]) await light(page, 'Connecting …').waitFor();
  await using again = await startDemo({ ...env, PORT: demo.port });
  expect(again.url).toBe(demo.url);
  for (const page of [alice, bob]) await light(page, 'Live').waitFor();

  await eventually(() => bonnetPid(alice)).not.toBe(pid);
  await eventually(() => bonnetCount(alice, 'Resumed without a run')).toBe(2);
  expect(await bonnetCount(alice, 'Callback runs')).toBe(0);
  await notify(alice, 'bob', 'After.');
  await count(bob, 'bob', 2).waitFor();
  await count(alice, 'alice', 0).waitFor();
});

test('a restart by the button tells that no callback ran', async () => {
  await using demo = await startDemo({ DATABASE_FILE: join(folder, 'bell.sqlite') });
  const alice = await signIn(demo.url, 'alice');
  const bob = await signIn(demo.url, 'bob');
  await notify(bob, 'alice', 'Before.');
  await eventually(() => bonnetCount(alice, 'Open streams')).toBe(2);
  const pid = await bonnetPid(alice);

  await alice.getByRole('button', { name: 'Restart' }).click();
  const told = alice.getByText(/^Process \d+ → \d+: 2 streams came back, 0 callbacks ran\.$/);
  await told.waitFor();
  expect(await told.innerText()).toContain(`Process ${pid} → ${await bonnetPid(alice)}:`);
  expect(await bonnetPid(alice)).not.toBe(pid);

  await notify(alice, 'bob', 'After.');
  await count(bob, 'bob', 1).waitFor();
  await count(alice, 'alice', 1).waitFor();
});

test('a restart during which a tab was closed ends with a report, too', async () => {
  await using demo = await startDemo({ DATABASE_FILE: join(folder, 'bell.sqlite') });
  const alice = await signIn(demo.url, 'alice');
  const bob = await signIn(demo.url, 'bob');
  await eventually(() => bonnetCount(alice, 'Open streams')).toBe(2);

  const restart = alice.getByRole('button', { name: 'Restart' });
  await restart.click();
  expect(await restart.getAttribute('aria-disabled')).toBe('true');
  await bob.close();
  await alice.getByText(/^Process \d+ → \d+: 1 of 2 streams came back, 0 callbacks ran\.$/).waitFor();
  expect(await restart.getAttribute('aria-disabled')).toBe('false');

  // The next one counts from what there is by now.
  await restart.click();
  await alice.getByText(/^Process \d+ → \d+: 1 stream came back, 0 callbacks ran\.$/).waitFor();
});

test('two screens that press the button at once are both told how it went', async () => {
  await using demo = await startDemo({ DATABASE_FILE: join(folder, 'bell.sqlite') });
  const alice = await signIn(demo.url, 'alice');
  const bob = await signIn(demo.url, 'bob');
  for (const page of [alice, bob]) await eventually(() => bonnetCount(page, 'Open streams')).toBe(2);
  // As it is for whoever comes when the process takes no more connections.
  await bob.route('**/bonnet/restart', (route) => route.abort());
  for (const page of [bob, alice]) await page.getByRole('button', { name: 'Restart' }).click();
  for (const page of [alice, bob]) {
    await page.getByText(/^Process \d+ → \d+: 2 streams came back, 0 callbacks ran\.$/).waitFor();
    expect(await page.getByText('cannot be reached').count()).toBe(0);
  }
});

test('an export that a restart cut off goes on where it was', async () => {
  await using demo = await startDemo({ DATABASE_FILE: join(folder, 'bell.sqlite') });
  const alice = await signIn(demo.url, 'alice');
  for (let n = 1; n <= 16; n += 1) {
    await alice.request.post('/notifications', { data: { from: 'alice', to: 'alice', text: `number ${n}` } });
  }
  await bell(alice, 'alice').getByRole('button', { name: 'Export' }).click();
  await alice.locator('progress[value="2"]').waitFor();
  await alice.getByRole('button', { name: 'Restart' }).click();

  // It watches nothing, so it is not among them.
  await alice.getByText(/^Process \d+ → \d+: 1 stream came back, 0 callbacks ran\.$/).waitFor();
  const downloading = alice.waitForEvent('download');
  await alice.getByRole('link', { name: 'Download 16 notifications' }).click();
  const numbers = (await textOf(await downloading)).match(/number \d+/g);
  expect(numbers).toEqual(Array.from({ length: 16 }, (_, index) => `number ${index + 1}`));
});

test('Ctrl-C ends the demo although streams are open', async () => {
  await using demo = await startDemo();
  const alice = await signIn(demo.url, 'alice');
  expect(await demo.stop()).toBe(0);
  await light(alice, 'Connecting …').waitFor();
});
