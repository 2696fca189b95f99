import express from 'express';
import { SseTrigger, streamSse } from 'sse-trigger';
import request from 'supertest';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newScreen, useBrowser } from '../browser/screens.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type Served, serve } from '../support/serve.ts';
import { openStream } from '../support/stream-client.ts';
import { until } from '../support/until.ts';
import { read } from './pages.ts';

useBrowser();

let redisServer: RedisServer;
let application: typeof import('../../docs/examples/readme/application.ts');
let trigger: SseTrigger;
let served: Served;

beforeAll(async () => {
  redisServer = await startRedis();
  process.env.REDIS_URL = redisServer.url;
  application = await import('../../docs/examples/readme/application.ts');
  ({ trigger } = await import('../../docs/examples/readme/notifications.ts'));
  await import('../../docs/examples/readme/export.ts');
  served = await serve(application.app);
});

afterAll(async () => {
  await trigger.close();
  await served[Symbol.asyncDispose]();
  application.redis.disconnect();
  await redisServer.stop();
});

async function signIn(userId: string): Promise<Record<string, string>> {
  const answer = await request(served.url).post(`/sign-in/${userId}`).expect(200);
  return { cookie: answer.get('Set-Cookie')![0]! };
}

function catchError(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

it('sends what is unread, and sends it anew after a push', async () => {
  await request(served.url).get('/notifications/stream').expect(401);
  await using stream = await openStream(served.url, '/notifications/stream', {
    headers: await signIn('alice'),
  });
  expect(await stream.next()).toMatchObject({ event: 'notifications', data: '[]' });
  application.save('alice', 'Shipped.');
  expect(await trigger.push('notifications:alice')).toBe(true);
  expect(await stream.next()).toMatchObject({ event: 'notifications', data: '["Shipped."]' });
});

it.each([
  ['`new SseTrigger({ … })`', (options: object) => new SseTrigger(options)],
  ['`streamSse(trigger, { … })`', (options: object) => streamSse(trigger, options as never)],
])('names the options of %s, and no others', (head, make) => {
  const [table] = read('README.md').split(`\n| ${head} |`)[1]!.split('\n\n');
  const rows = table!.split('\n').slice(2);
  const named = rows.flatMap((row) => [...row.split(' | ')[0]!.matchAll(/`(\w+)/g)].map(([, name]) => name!));
  const error = catchError(() => make({ none: 1 }));
  const [, options] = /it has (.*)$/.exec(error.message)!;
  expect(named.sort()).toEqual(options!.split(', ').sort());
});

it('shows it in a browser', async () => {
  const screen = await newScreen(served.url);
  const page = await screen.newPage();
  await screen.request.post('/sign-in/bob');
  await page.goto('/');
  await page.addScriptTag({ path: 'docs/examples/readme/page.js' });
  application.save('bob', 'Packed.');
  trigger.push('notifications:bob');
  await page.getByText('Packed.').waitFor();
});

it('has pushed what was pushed in a unit of work', async () => {
  await until(() => application.redis.exists('sse:order:42'));
  expect(await application.redis.exists('sse:notifications:alice')).toBe(1);
});

it('exports to who is signed in, and goes on where a client has left', async () => {
  await request(served.url).get('/export/stream').expect(401);
  const headers = { ...(await signIn('alice')), 'last-event-id': '1' };
  await using stream = await openStream(served.url, '/export/stream', { headers });
  expect(await stream.next()).toMatchObject({ id: '2', event: 'progress', data: '{"done":"alice: 2/3"}' });
  expect(await stream.next()).toMatchObject({ id: '3' });
  expect(await stream.next()).toMatchObject({ event: 'sse-trigger-complete' });
});

it('pushes after a save of TypeORM', async () => {
  const { trigger } = await import('../../docs/examples/readme/typeorm.ts');
  const { dataSource, Notification, User } = await import('../orm/readme-database.ts');
  const app = express();
  app.get(
    '/',
    streamSse(trigger, { key: 'notifications:7', data: () => dataSource.manager.count(Notification) }),
  );
  await using stream = await openStream(app, '/');
  expect(await stream.next()).toMatchObject({ data: '0' });
  await dataSource.manager.save(Object.assign(new User(), { id: 7 }));
  await dataSource.manager.save(Object.assign(new Notification(), { userId: 7, text: 'Shipped.' }));
  expect(await stream.next()).toMatchObject({ data: '1' });
  await trigger.close();
  await dataSource.destroy();
});
