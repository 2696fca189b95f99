import request from 'supertest';
import { expect, it } from 'vitest';
import { newScreen, openPage, useBrowser } from '../browser/screens.ts';
import { startApp } from '../support/app-process.ts';
import { startRedis } from '../support/redis-server.ts';
import { serve } from '../support/serve.ts';
import { openStream } from '../support/stream-client.ts';

useBrowser();

const SERVER = '../../docs/examples/getting-started/server.js';

it('the first server sends what was ordered to a page and to curl', async () => {
  await using server = await startApp(SERVER, { PORT: '0' });
  await using terminal = await openStream(server.url, '/orders/stream');
  expect(await terminal.next()).toMatchObject({ data: '[]' });
  // docs/examples/getting-started/index.html
  const page = await openPage(await newScreen(server.url));
  await request(server.url).post('/orders').send({ item: 'a lamp' }).expect(201);
  expect(await terminal.next()).toMatchObject({ data: '[{"item":"a lamp"}]' });
  await page.getByRole('listitem').filter({ hasText: 'a lamp' }).waitFor();
  await request(server.url).post('/orders').send({ item: 'a desk' }).expect(201);
  await page.getByRole('listitem').filter({ hasText: 'a desk' }).waitFor();
});

it('the second one sends each user their own', async () => {
  await using redis = await startRedis();
  process.env.REDIS_URL = redis.url;
  const accounts = await import('../../docs/examples/getting-started/accounts.ts');
  await using served = await serve(accounts.app);
  await request(served.url).get('/orders/stream').expect(401);
  const signIn = async (name: string) => {
    const agent = request.agent(served.url);
    const answer = await agent.post(`/sign-in/${name}`).expect(200);
    const headers = { cookie: answer.get('Set-Cookie')![0]! };
    return { agent, stream: await openStream(served.url, '/orders/stream', { headers }) };
  };
  const [alice, bob] = [await signIn('alice'), await signIn('bob')];
  await using streamOfAlice = alice.stream;
  await using streamOfBob = bob.stream;
  expect(await streamOfAlice.next()).toMatchObject({ data: '[]' });
  expect(await streamOfBob.next()).toMatchObject({ data: '[]' });
  await alice.agent.post('/orders').send({ item: 'a lamp' }).expect(201);
  expect(await streamOfAlice.next()).toMatchObject({ data: '[{"userId":"alice","item":"a lamp"}]' });
  await bob.agent.post('/orders').send({ item: 'a desk' }).expect(201);
  expect(await streamOfBob.next()).toMatchObject({ data: '[{"userId":"bob","item":"a desk"}]' });
  await accounts.trigger.close();
  accounts.redis.disconnect();
});
