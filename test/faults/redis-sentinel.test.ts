import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { RedisStore } from '../../src/stores/redis-store.ts';
import { Crowd } from '../support/crowd.ts';
import { type RedisSentinels, startSentinels } from '../support/redis-sentinels.ts';
import { until } from '../support/until.ts';

/** Milliseconds of silence after which a primary is held to be dead. */
const DOWN_AFTER = 2_500;
const LONG = 100_000;
const keys = Array.from({ length: 200 }, (_, index) => `key${index}`);

/** Two processes that find Redis by its Sentinels and do not wake each other, so that only the polls tell them. */
function startCrowd({ options }: RedisSentinels): Promise<Crowd> {
  const stores = [1, 2].map(
    () => new RedisStore(new Redis({ ...options, lazyConnect: true }), { wake: false }),
  );
  return Crowd.start(stores, keys);
}

/** Has a replica hear nothing more of its primary, which goes on as if nothing was wrong. */
async function stopReplication(primary: Redis): Promise<void> {
  await primary.acl('SETUSER', 'default', '-psync', '-sync');
  await primary.call('CLIENT', 'KILL', 'TYPE', 'replica');
}

it(
  'S5: Sentinels promote a replica that lacks acknowledged pushes: every stream converges, and no call hangs',
  async () => {
    await using sentinels = await startSentinels(DOWN_AFTER);
    await using crowd = await startCrowd(sentinels);
    const primary = new Redis(sentinels.primary.port).on('error', () => {});
    // None of those that are pushed again in vain, and written again afterwards.
    const away = keys.at(-1)!;
    const id = await crowd.leaveWithId(away);

    // A connection that is lost, and nothing with it.
    const looked = await crowd.runsDuring(async () => {
      await primary.call('CLIENT', 'KILL', 'TYPE', 'normal');
      await crowd.polls(3);
    });
    expect(looked.size).toBe(0);

    await stopReplication(primary);
    primary.disconnect();
    expect(await crowd.save(keys)).toBe(true);
    await sentinels.primary.kill();
    expect(await crowd.save(keys.slice(0, 50), 1)).toBe(false);

    await sentinels.promoted();
    await crowd.converged();
    await using back = await crowd.comeBack(away, id);
    expect((await back.next()).data).toBe('2');
    await until(() => crowd.apps.every(({ trigger }) => trigger.stats().unsent === 0));
    expect(await crowd.save(keys)).toBe(true);
    await crowd.converged();
    expect(crowd.isInTime).toBe(true);
  },
  LONG,
);

it(
  'S5: a primary hangs while its replica is promoted, and then goes on: every stream converges',
  async () => {
    await using sentinels = await startSentinels(DOWN_AFTER);
    await using crowd = await startCrowd(sentinels);
    await sentinels.primary.kill('SIGSTOP');
    expect(await crowd.save(keys)).toBe(false);
    await sentinels.promoted();
    await crowd.converged();
    await sentinels.primary.kill('SIGCONT');
    await until(() => crowd.apps.every(({ trigger }) => trigger.stats().unsent === 0));
    expect(await crowd.save(keys, 1)).toBe(true);
    await crowd.converged();
    expect(crowd.isInTime).toBe(true);
  },
  LONG,
);
