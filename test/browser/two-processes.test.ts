import { test } from 'vitest';
import { startPostgres } from '../support/postgres-server.ts';
import { startRedis } from '../support/redis-server.ts';
import { bell, count, expectComplaints, notify, SERVER_AWAY, signIn, useBrowser } from './screens.ts';
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
