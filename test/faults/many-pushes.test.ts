import { expect, it } from 'vitest';
import { collectGarbage } from '../support/collect-garbage.ts';
import { asOperator } from '../support/redis-operator.ts';
import { startRedis } from '../support/redis-server.ts';
import { polls, STORE_TIMEOUT, twoStages, untilShown } from '../support/redis-stage.ts';
import { until } from '../support/until.ts';

/** What a call may take beyond its deadline on a machine that is busy, in milliseconds. */
const LATE = 3000;
/** What a key may take that is kept until the store takes it, in bytes. */
const KEPT = 320;

it('10,000 pushes within a second on one key are far fewer writes and runs, the last of which shows the last (S9)', async () => {
  await using redis = await startRedis();
  await using stage = await twoStages(redis);
  const { here, there, viewers } = stage;
  const pushes: PromiseLike<boolean>[] = [];
  for (let tick = 0; tick < 100; tick += 1) {
    for (let push = 0; push < 50; push += 1) pushes.push(here.save(), there.save());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const runs = [here, there].map(({ trigger }) => trigger.stats().runs);
  expect(new Set(await Promise.all(pushes))).toEqual(new Set([true]));
  await Promise.all(viewers.map((viewer) => untilShown(viewer, 10_000)));
  await Promise.all([here, there].map((app) => polls(app, 5)));
  const writes = await asOperator(redis, (operator) => operator.info('commandstats'));
  expect(Number(/cmdstat_set:calls=(\d+)/.exec(writes)?.[1])).toBeLessThan(500);
  for (const [app, { trigger }] of [here, there].entries()) {
    expect(trigger.stats().runs).toBeLessThan(1000);
    // One that was under way, one for the last here, and one for the last of the other.
    expect(trigger.stats().runs - runs[app]!).toBeLessThanOrEqual(3);
  }
});

it('100,000 pushes of 50,000 keys while Redis hangs are false, and seen by who is here, in time; each key is kept once, and is in Redis when that goes on (S12)', async () => {
  await using redis = await startRedis();
  await using stage = await twoStages(redis);
  const { here, viewers } = stage;
  const heap = async () => {
    await collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const before = await heap();
  await redis.kill('SIGSTOP');
  const pushedAt = performance.now();
  const pushes: PromiseLike<boolean>[] = [];
  for (let push = 0; push < 100_000; push += 1) pushes.push(here.trigger.push(`key:${push % 50_000}`));
  const saved = here.save();
  expect(new Set(await Promise.all(pushes.splice(0)))).toEqual(new Set([false]));
  expect(await saved).toBe(false);
  await untilShown(viewers[0], 1);
  expect(performance.now() - pushedAt).toBeLessThan(STORE_TIMEOUT + LATE);
  expect(here.trigger.stats().unsent).toBe(50_001);
  expect((await heap()) - before).toBeLessThan(50_001 * KEPT);
  await redis.kill('SIGCONT');
  await untilShown(viewers[1], 1);
  await until(() => here.trigger.stats().unsent === 0, 20_000);
  expect(await asOperator(redis, (operator) => operator.dbsize())).toBe(50_001);
  expect(here.errors.map(({ code }) => code)).not.toContain('unsent_full');
});
