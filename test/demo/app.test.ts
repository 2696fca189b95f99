import { SseTrigger } from 'sse-trigger';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createApp } from '../../demo/app.ts';
import { type Database, openDatabase } from '../../demo/database.ts';
import { type Bell, type BellKey, Notification, readBell } from '../../demo/notification.ts';
import { openStream, type StreamClient } from '../support/stream-client.ts';

let trigger: SseTrigger<BellKey>;
let orm: Database;
let app: ReturnType<typeof createApp>;

beforeEach(async () => {
  trigger = new SseTrigger();
  orm = await openDatabase(':memory:', trigger);
  app = createApp({ trigger, orm, sessionSecret: 'secret' });
});
afterEach(async () => {
  await trigger.close();
  await orm.close();
});

describe('sign-in', () => {
  it('takes any name, trimmed, and sign-out forgets it', async () => {
    const agent = request.agent(app);
    await agent.post('/sign-in').send({ name: '  Zoë ' }).expect(200, { name: 'Zoë' });
    await agent.get('/session').expect(200, { name: 'Zoë' });
    await agent.post('/sign-out').expect(204);
    await agent.get('/session').expect(200, { name: null });
  });

  it('takes a form as well as JSON', async () => {
    await request(app).post('/sign-in').type('form').send({ name: 'alice' }).expect(200, { name: 'alice' });
  });

  it('gives a new session, whose cookie no script reads', async () => {
    const agent = request.agent(app);
    const [first] = (await agent.post('/sign-in').send({ name: 'alice' })).get('Set-Cookie')!;
    const [second] = (await agent.post('/sign-in').send({ name: 'alice' })).get('Set-Cookie')!;
    expect(second).not.toBe(first);
    expect(second).toMatch(/; HttpOnly; SameSite=Lax$/);
  });
});

describe('wrong input', () => {
  it.each([
    ['no name', {}, 'name must be 1 to 40 characters long'],
    ['an empty name', { name: ' \n ' }, 'name must be 1 to 40 characters long'],
    ['a name that is too long', { name: 'x'.repeat(41) }, 'name must be 1 to 40 characters long'],
    ['a name that is no text', { name: { $ne: null } }, 'name must be 1 to 40 characters long'],
    ['a name with a line break', { name: 'a\nb' }, 'name must not contain control characters'],
    ['half a character', { name: '\ud83d' }, 'name must not contain control characters'],
  ])('%s is refused', async (_, body, error) => {
    await request(app).post('/sign-in').send(body).expect(400, { error });
  });

  it.each([
    ['nobody to notify', { text: 'hello' }, 'to must be 1 to 40 characters long'],
    ['no text', { to: 'bob', text: '' }, 'text must be 1 to 200 characters long'],
    ['too long a text', { to: 'bob', text: 'x'.repeat(201) }, 'text must be 1 to 200 characters long'],
  ])('%s is refused', async (_, body, error) => {
    const alice = await signIn('alice');
    await alice.post('/notifications').send(body).expect(400, { error });
  });

  it('a body that is no JSON is refused', async () => {
    const { body } = await request(app).post('/sign-in').type('json').send('{"name":').expect(400);
    expect(body.error).toMatch(/JSON/);
  });

  it('an upTo that is no id is refused', async () => {
    const alice = await signIn('alice');
    const error = 'upTo must be the id of the newest one read';
    await alice.post('/notifications/read').send({ upTo: 'all' }).expect(400, { error });
  });
});

describe('somebody who is not signed in', () => {
  it.each(['/notifications', '/notifications/read'])('cannot post to %s', async (path) => {
    await request(app).post(path).send({ to: 'bob', text: 'hello' }).expect(401, { error: 'Sign in first.' });
  });

  it('gets no stream', async () => {
    await request(app).get('/notifications/stream').expect(401);
  });
});

describe('pages', () => {
  it.each([
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
    { Origin: 'https://elsewhere.example' },
    { Origin: 'null' },
  ])('of other sites change nothing: %o', async (headers) => {
    const alice = await signIn('alice');
    await alice.post('/notifications').set(headers).send({ to: 'bob', text: 'hello' }).expect(403);
    await alice.post('/sign-out').set(headers).expect(403);
    await alice.get('/session').expect({ name: 'alice' });
  });

  it.each([{ 'Sec-Fetch-Site': 'same-origin' }, { Origin: 'http://bell.example', Host: 'bell.example' }])(
    'of this site are welcome: %o',
    async (headers) => {
      await request(app).post('/sign-in').set(headers).send({ name: 'alice' }).expect(200);
    },
  );
});

it('streams the bell of who is signed in: at first, when they are notified, when they have read', async () => {
  const alice = await signIn('alice');
  const bob = request.agent(app);
  const signedIn = await bob.post('/sign-in').send({ name: 'bob' });
  const headers = { cookie: signedIn.get('Set-Cookie')![0]! };
  await using stream = await openStream(app, '/notifications/stream', { headers });
  expect(await nextBell(stream)).toEqual({ unread: 0, newest: [] });

  await alice.post('/notifications').send({ to: 'bob', text: ' Lunch at noon? ' }).expect(201);
  const { unread, newest } = await nextBell(stream);
  expect(unread).toBe(1);
  expect(newest).toEqual([
    { id: expect.any(Number), from: 'alice', text: 'Lunch at noon?', at: expect.stringMatching(/Z$/) },
  ]);

  await bob.post('/notifications/read').send({ upTo: newest[0]!.id }).expect(204);
  expect(await nextBell(stream)).toEqual({ unread: 0, newest });
});

it('leaves unread what came after upTo, and what is for others', async () => {
  const alice = await signIn('alice');
  for (const to of ['alice', 'bob', 'alice']) await alice.post('/notifications').send({ to, text: 'hello' });
  const [first] = await orm.em.fork().findAll(Notification, { orderBy: { id: 'asc' } });
  await alice.post('/notifications/read').send({ upTo: first!.id }).expect(204);
  const em = orm.em.fork();
  expect((await readBell(em, 'alice')).unread).toBe(1);
  expect((await readBell(em, 'bob')).unread).toBe(1);
});

it('tells nobody outside why the database failed', async () => {
  const agent = request.agent(app);
  await agent.post('/sign-in').send({ name: 'alice' });
  await orm.schema.dropSchema();
  const log = vi.spyOn(console, 'error').mockImplementation(() => {});
  const secret = { to: 'bob', text: '<b>secret</b>' };
  await agent
    .post('/notifications')
    .send(secret)
    .expect(500, { error: 'Something went wrong on the server.' });
  expect(log).toHaveBeenCalledTimes(1);
  log.mockRestore();
});

it('lets pages load nothing from elsewhere', async () => {
  const { headers } = await request(app).get('/').expect(200);
  expect(headers['content-security-policy']).toMatch(/^default-src 'self';/);
});

async function signIn(name: string) {
  const agent = request.agent(app);
  await agent.post('/sign-in').send({ name }).expect(200);
  return agent;
}

/** As the page gets it, where a date is a text. */
async function nextBell(stream: StreamClient): Promise<Bell> {
  const { event, data } = await stream.next();
  expect(event).toBe('notifications');
  return JSON.parse(data!);
}
