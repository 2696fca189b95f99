import { expect, test } from 'vitest';
import { startPostgres } from '../support/postgres-server.ts';
import { startRedis } from '../support/redis-server.ts';
import {
  addUser,
  bell,
  count,
  expectComplaints,
  notify,
  SERVER_AWAY,
  signIn,
  useBrowser,
} from './screens.ts';
import { startDemo } from './start-demo.ts';

useBrowser();

test("two processes with one Redis and one PostgreSQL ring each other's bells", async () => {
  expectComplaints(SERVER_AWAY); // they end before the pages do
  await using redis = await startRedis();
  await using postgres = await startPostgres();
  const env = { REDIS_URL: redis.url, DATABASE_URL: postgres.url };
  // One after the other, since the first one makes the tables.
  await using here = await startDemo(env);
  await using there = await startDemo(env);

  const alice = await signIn(here.url, 'alice');
  const bob = await signIn(there.url, 'bob');
  await notify(alice, 'bob', 'From the other process.');
  await count(bob, 'bob', 1).waitFor();
  await notify(bob, 'alice', 'And back.');
  await count(alice, 'alice', 1).waitFor();

  // Sessions are theirs in common, too.
  await alice.goto(there.url);
  await count(alice, 'alice', 1).waitFor();
  await bell(alice, 'alice').getByText('And back.').waitFor();
});

test('who signs out at one process is signed out at the other, in every tab and, if she says so, on every screen (P4)', async () => {
  // A tab comes back to be told that it may see nothing any more.
  expectComplaints(/^Failed to load resource: (net::ERR_|.* 401 )/);
  await using redis = await startRedis();
  await using postgres = await startPostgres();
  const env = { REDIS_URL: redis.url, DATABASE_URL: postgres.url };
  await using here = await startDemo(env);
  await using there = await startDemo(env);

  const alice = await signIn(here.url, 'alice');
  const tab = await alice.context().newPage();
  await tab.goto(there.url);
  const phone = await signIn(there.url, 'alice');
  for (const page of [tab, phone]) await count(page, 'alice', 0).waitFor();

  // Tabs of one browser tell each other, but not across two origins.
  await alice.getByRole('button', { name: 'Sign out', exact: true }).click();
  await tab.getByLabel('Your name').waitFor();
  await notify(phone, 'alice', 'For my phone.');
  await count(phone, 'alice', 1).waitFor();
  expect(await tab.content()).not.toContain('For my phone.');

  await addUser(alice, 'alice');
  await alice.getByRole('button', { name: 'Sign out everywhere' }).click();
  await phone.getByLabel('Your name').waitFor();
});
