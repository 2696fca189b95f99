import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { streamSse } from '../src/index.ts';
import { RedisStore } from '../src/stores/redis-store.ts';
import { type RedisServer, startRedis } from './support/redis-server.ts';
import { streamApp } from './support/stream-app.ts';
import { until } from './support/until.ts';

const HOURS = 24 * 60 * 60 * 1000;
const page = readFileSync(new URL('../PROTOCOL.md', import.meta.url), 'utf8');
const [push, pushAndWake] = [...page.matchAll(/```sh\n(.*?)```/gs)].map(([, code]) => code!);

/** Runs what the page shows, where Redis has another port. */
async function shell(code: string, { port }: RedisServer): Promise<string> {
  const prelude = `alias redis-cli='redis-cli -p ${port}'`;
  return (await promisify(execFile)('sh', ['-euc', `${prelude}\n${code}`])).stdout;
}

it.each([
  ['a version is written, with the next poll', push!, { poll: 50 }],
  ['it is woken, long before the next poll', pushAndWake!, { poll: HOURS }],
])('a stream shows what a shell pushed as PROTOCOL.md says: %s', async (_, code, { poll }) => {
  await using redis = await startRedis();
  const client = new Redis(redis.port);
  let state = 'old';
  await using app = await streamApp(
    (trigger) => streamSse(trigger, { key: 'notifications:42', data: () => state }),
    { store: new RedisStore(client), poll },
  );
  await using stream = await app.open();
  expect(await stream.next()).toMatchObject({ data: 'old' });
  await until(async () => ((await client.call('PUBSUB', 'NUMSUB', 'sse:wake:0')) as unknown[])[1] === 1);
  state = 'new';
  expect(await shell(code, redis)).toMatch(/^OK\n/);
  expect(await stream.next()).toMatchObject({ data: 'new' });
  client.disconnect();
});
