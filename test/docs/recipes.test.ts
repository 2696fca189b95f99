import express from 'express';
import { Redis } from 'ioredis';
import { SseTrigger } from 'sse-trigger';
import { RedisStore } from 'sse-trigger/redis';
import request from 'supertest';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { activity, activityPage } from '../../docs/examples/recipes/activity.ts';
import { dashboard, dashboardPage } from '../../docs/examples/recipes/dashboard.ts';
import { job, jobPage } from '../../docs/examples/recipes/job.ts';
import { presence, presencePage } from '../../docs/examples/recipes/presence.ts';
import { productStock, stockPage } from '../../docs/examples/recipes/stock.ts';
import { ticker, tickerPage } from '../../docs/examples/recipes/ticker.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type Served, serve } from '../support/serve.ts';
import { until } from '../support/until.ts';
import { Screen, withSessions } from './screen.ts';

let redisServer: RedisServer;
let redis: Redis;
let trigger: SseTrigger;
let served: Served;
let onPrice: ReturnType<typeof ticker>;

beforeAll(async () => {
  redisServer = await startRedis();
  redis = new Redis(redisServer.port).on('error', () => {}); // one test is about that
  trigger = new SseTrigger({ store: new RedisStore(redis) });
  const app = withSessions(express());
  for (const recipe of [activity, dashboard, job, presence, productStock]) recipe({ app, trigger, redis });
  onPrice = ticker({ app, trigger, redis });
  served = await serve(app);
});

afterEach(async () => {
  await until(() => trigger.stats().streams === 0);
});

afterAll(async () => {
  await trigger.close();
  await served[Symbol.asyncDispose]();
  redis.disconnect();
  await redisServer.stop();
});

const signIn = (userId: string) => Screen.of(served.url, userId);

describe('the dashboard', () => {
  it('shows each figure when what it is made of has changed', async () => {
    using staff = await signIn('staff');
    dashboardPage(staff);
    await until(() => staff.shown.length === 2);
    expect(staff.shown).toEqual(expect.arrayContaining([{ sales: 0 }, { waiting: 0 }]));
    await staff.post('/orders/40').expect(201);
    await until(() => staff.shown.length === 4);
    expect(staff.shown.slice(2)).toEqual(expect.arrayContaining([{ sales: 40 }, { waiting: 1 }]));
    await staff.post('/parcels').expect(201);
    await staff.shows({ waiting: 0 });
    expect(staff.shown).toHaveLength(5);
  });

  it('is for the staff', async () => {
    using guest = await signIn('guest');
    dashboardPage(guest);
    await guest.isRefused(403);
  });
});

describe('the activity feed', () => {
  it('shows what members do, to members', async () => {
    using alice = await signIn('alice');
    await alice.post('/projects/7/members/alice').expect(201);
    await alice.post('/projects/7/notes/first').expect(201);
    activityPage(alice);
    const first = { id: 1, who: 'alice', what: 'first' };
    await alice.shows([first]);
    await alice.post('/projects/7/notes/second').expect(201);
    await alice.shows([{ id: 2, who: 'alice', what: 'second' }, first]);

    using bob = await signIn('bob');
    activityPage(bob);
    await bob.isRefused(403);
  });

  it('ends for who is none any more', async () => {
    using carol = await signIn('carol');
    await carol.post('/projects/7/members/carol').expect(201);
    activityPage(carol);
    await until(() => carol.shown.length > 0);
    await request(served.url).delete('/projects/7/members/carol').expect(204);
    await carol.isRefused(403);
  });
});

describe('the job', () => {
  it('shows how far it is, and the end, and then the page leaves', async () => {
    using alice = await signIn('alice');
    const { id } = (await alice.post('/jobs').expect(202)).body;
    jobPage(alice, id);
    await alice.shows({ done: 1000, total: 1000 });
    expect(alice.shown.length).toBeLessThan(100);
    await until(() => trigger.stats().streams === 0);
    expect(alice.errors).toEqual([]);
  });

  it('is for who began it', async () => {
    using alice = await signIn('alice');
    const { id } = (await alice.post('/jobs').expect(202)).body;
    using bob = await signIn('bob');
    jobPage(bob, id);
    await bob.isRefused(403);
  });
});

describe('presence', () => {
  it('shows who comes and goes, each once', async () => {
    using alice = await signIn('alice');
    presencePage(alice);
    await alice.shows(['alice']);
    using bob = await signIn('bob');
    presencePage(bob);
    presencePage(bob);
    await alice.shows(['alice', 'bob']);
    await until(async () => (await redis.zcard('room:lobby')) === 3);
    bob[Symbol.dispose]();
    await alice.shows(['alice']);
  });

  it('forgets whose process died', async () => {
    await redis.zadd('room:lobby', Date.now() - 1, 'ghost 1');
    using alice = await signIn('alice');
    presencePage(alice);
    await alice.shows(['alice']);
    await until(async () => (await redis.zscore('room:lobby', 'ghost 1')) === null);
    alice[Symbol.dispose]();
    await until(async () => (await redis.exists('room:lobby')) === 0);
  });

  it('leaves nobody behind who was refused', async () => {
    using nobody = new Screen(served.url);
    presencePage(nobody);
    await nobody.isRefused(401);
    expect(await redis.exists('room:lobby')).toBe(0);
  });
});

it('the ticker shows the newest prices, and not each', async () => {
  using alice = await signIn('alice');
  tickerPage(alice);
  await alice.shows({});
  for (let price = 1; price <= 500; price += 1) await onPrice('ACME', price);
  await alice.shows({ ACME: '500' });
  expect(alice.shown.length).toBeLessThan(250);
});

describe('the product', () => {
  it('shows how many are left to any number of shoppers', async () => {
    const shoppers = Array.from({ length: 12 }, () => new Screen(served.url));
    for (const shopper of shoppers) stockPage(shopper);
    await Promise.all(shoppers.map((shopper) => shopper.shows({ left: 3 })));
    for (const status of [201, 201, 201, 409])
      await shoppers[0]!.post('/products/lamp/orders').expect(status);
    await Promise.all(shoppers.map((shopper) => shopper.shows({ left: 0 })));
    expect(trigger.stats().streams).toBe(12);
    for (const shopper of shoppers) shopper[Symbol.dispose]();
  });

  it('is one that there is', async () => {
    await request(served.url).get('/products/unicorn/stock/stream').expect(404);
  });
});

it('presence keeps no stream from opening while Redis is away', async () => {
  await redisServer.kill();
  using alice = await signIn('alice');
  presencePage(alice);
  await until(() => alice.sources[0]!.readyState === alice.sources[0]!.OPEN);
  expect(alice.errors).toEqual([]);
});
