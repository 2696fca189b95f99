import request from 'supertest';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Bells, Notification } from '../../demo/notification.ts';
import { head } from '../support/serve.ts';
import type { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';
import { databases, type TestDatabase } from './databases.ts';
import { type DemoApp, startDemoApp } from './demo-app.ts';

describe.each(databases)('with $name', ({ start }) => {
  let database: TestDatabase;
  let demo: DemoApp;

  beforeAll(async () => {
    database = await start();
  });
  afterAll(() => database[Symbol.asyncDispose]());
  beforeEach(async () => {
    demo = await startDemoApp({ place: database.place });
  });
  afterEach(async () => {
    await demo.orm.schema.dropSchema();
    await demo[Symbol.asyncDispose]();
  });

  describe('sign-in', () => {
    it('takes any name, trimmed, and sign-out forgets it', async () => {
      const agent = request.agent(demo.url);
      await agent
        .post('/sign-in')
        .send({ name: '  Zoë ' })
        .expect(200, { users: ['Zoë'] });
      await agent.get('/session').expect(200, { users: ['Zoë'] });
      await agent.post('/sign-out').send({ name: 'Zoë' }).expect(200, { users: [] });
      await agent.get('/session').expect(200, { users: [] });
    });

    it('puts up to four users on one screen, each once, in the order in which they came', async () => {
      const { agent } = await demo.signIn('dora', 'alice', 'bob', 'alice', 'carol');
      const users = ['dora', 'alice', 'bob', 'carol'];
      await agent.get('/session').expect(200, { users });
      const error = 'At most 4 users fit on one screen.';
      await agent.post('/sign-in').send({ name: 'eve' }).expect(400, { error });
      await agent.post('/sign-in').send({ name: 'bob' }).expect(200, { users });
      await agent
        .post('/sign-out')
        .send({ name: 'alice' })
        .expect(200, { users: ['dora', 'bob', 'carol'] });
      await agent
        .post('/sign-out')
        .send({ name: 'alice' })
        .expect(200, { users: ['dora', 'bob', 'carol'] });
    });

    it('takes what looks the same for the same', async () => {
      const { agent } = await demo.signIn('Zoe\u0308');
      await agent.get('/session').expect(200, { users: ['Zo\u00eb'] });
      await agent
        .post('/sign-in')
        .send({ name: 'Zo\u00eb' })
        .expect({ users: ['Zo\u00eb'] });
    });

    it('gives a new session, whose cookie no script reads, and lets the one before go', async () => {
      const before = await demo.signIn('alice');
      const answer = await before.agent.post('/sign-in').send({ name: 'bob' }).expect(200);
      const [cookie] = answer.get('Set-Cookie')!;
      expect(cookie).toMatch(/^bell\.sid=/);
      expect(cookie).not.toBe(before.cookie);
      expect(cookie).toMatch(/; Expires=[^;]+; HttpOnly; SameSite=Lax$/);
      await request(demo.url).get('/session').set('cookie', before.cookie).expect({ users: [] });
    });
  });

  describe('wrong input', () => {
    it.each([
      ['no name', {}, 'name must be 1 to 40 characters long'],
      ['an empty name', { name: ' \n ' }, 'name must be 1 to 40 characters long'],
      [
        'a name that nobody sees',
        { name: '\u200b\u2060 \u3164\ufe0f' },
        'name must be 1 to 40 characters long',
      ],
      ['a name that is too long', { name: 'x'.repeat(41) }, 'name must be 1 to 40 characters long'],
      ['a name that is no text', { name: { $ne: null } }, 'name must be 1 to 40 characters long'],
      ['a name with a line break', { name: 'a\nb' }, 'name must not contain control characters'],
      ['half a character', { name: '\ud83d' }, 'name must not contain control characters'],
    ])('%s is refused', async (_, body, error) => {
      await request(demo.url).post('/sign-in').send(body).expect(400, { error });
    });

    it.each([
      ['nobody to notify', { text: 'hello' }, 'to must be 1 to 40 characters long'],
      ['no text', { to: 'bob', text: '' }, 'text must be 1 to 200 characters long'],
      [
        'a text that nobody sees',
        { to: 'bob', text: '\u202e\u00ad' },
        'text must be 1 to 200 characters long',
      ],
      ['too long a text', { to: 'bob', text: 'x'.repeat(201) }, 'text must be 1 to 200 characters long'],
    ])('%s is refused', async (_, body, error) => {
      const { agent } = await demo.signIn('alice');
      await agent
        .post('/notifications')
        .send({ from: 'alice', ...body })
        .expect(400, { error });
    });

    it('a body that is no JSON is refused', async () => {
      const { body } = await request(demo.url).post('/sign-in').type('json').send('{"name":').expect(400);
      expect(body.error).toMatch(/JSON/);
    });

    it.each(['all', 0, 1.5, 2 ** 31, null, { toString: 1 }])(
      'an upTo that is no id is refused: %j',
      async (upTo) => {
        const { agent } = await demo.signIn('alice');
        const error = 'upTo must be the id of the newest one read';
        await agent.post('/notifications/read').send({ user: 'alice', upTo }).expect(400, { error });
      },
    );
  });

  describe('who is not signed in', () => {
    it.each([
      ['/notifications', { from: 'bob', to: 'alice', text: 'hello' }],
      ['/notifications/read', { user: 'bob', upTo: 1 }],
    ])('cannot post to %s', async (path, body) => {
      const error = 'Sign in first.';
      await request(demo.url).post(path).expect(401, { error });
      await request(demo.url).post(path).send(body).expect(401, { error });
      const { agent } = await demo.signIn('alice');
      await agent.post(path).send(body).expect(401, { error });
    });

    it('gets no stream', async () => {
      await request(demo.url).get('/notifications/stream').expect(401);
    });
  });

  describe('pages', () => {
    it.each([
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' },
      { Origin: 'https://elsewhere.example' },
      { Origin: 'null' },
    ])('of other sites change nothing: %o', async (headers) => {
      const { agent } = await demo.signIn('alice');
      const body = { from: 'alice', to: 'bob', text: 'hello' };
      await agent.post('/notifications').set(headers).send(body).expect(403);
      await agent.post('/sign-out').set(headers).send({ name: 'alice' }).expect(403);
      await agent.post('/bonnet/crowd').set(headers).send({ open: true }).expect(403);
      await agent.post('/bonnet/restart').set(headers).expect(403);
      await agent.get('/session').expect({ users: ['alice'] });
    });

    it.each([{ 'Sec-Fetch-Site': 'same-origin' }, { Origin: 'http://bell.example', Host: 'bell.example' }])(
      'of this site are welcome: %o',
      async (headers) => {
        await request(demo.url).post('/sign-in').set(headers).send({ name: 'alice' }).expect(200);
      },
    );

    it.each(['/', '/session'])('load nothing from elsewhere, and nobody frames them: %s', async (path) => {
      const { headers } = await request(demo.url).get(path);
      expect(headers).toMatchObject({
        'content-security-policy':
          "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
      });
    });
  });

  describe('the stream of a screen', () => {
    it('shows a bell at first, when its user is notified, and when they have read', async () => {
      const alice = await demo.signIn('alice');
      const bob = await demo.signIn('bob');
      await using stream = await bob.open('/notifications/stream');
      expect(await nextBells(stream)).toEqual([{ user: 'bob', unread: 0, newest: [] }]);

      await notify(alice.agent, 'alice', 'bob', ' Lunch at noon? ');
      const [bell] = await nextBells(stream);
      const notification = {
        id: expect.any(Number),
        from: 'alice',
        text: 'Lunch at noon?',
        at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
        read: false,
      };
      expect(bell).toEqual({ user: 'bob', unread: 1, newest: [notification] });
      expect(Math.abs(Date.parse(bell!.newest[0]!.at) - Date.now())).toBeLessThan(10_000);

      const upTo = bell!.newest[0]!.id;
      await bob.agent.post('/notifications/read').send({ user: 'bob', upTo }).expect(204);
      expect(await nextBells(stream)).toEqual([
        { user: 'bob', unread: 0, newest: [{ ...notification, read: true }] },
      ]);
    });

    it('shows the bells of all its users, and follows each of them', async () => {
      const screen = await demo.signIn('bob', 'alice');
      await using stream = await screen.open('/notifications/stream');
      expect((await nextBells(stream)).map(({ user }) => user)).toEqual(['bob', 'alice']);
      await notify(screen.agent, 'bob', 'alice', 'one');
      expect((await nextBells(stream)).map(({ unread }) => unread)).toEqual([0, 1]);
      await notify(screen.agent, 'alice', 'bob', 'two');
      expect((await nextBells(stream)).map(({ unread }) => unread)).toEqual([1, 1]);
    });

    it('shows the newest five, the newest first, and counts all that are unread', async () => {
      const screen = await demo.signIn('alice');
      for (const text of ['1', '2', '3', '4', '5', '6']) await notify(screen.agent, 'alice', 'alice', text);
      await using stream = await screen.open('/notifications/stream');
      const [bell] = await nextBells(stream);
      expect(bell!.unread).toBe(6);
      expect(bell!.newest.map(({ text }) => text)).toEqual(['6', '5', '4', '3', '2']);
    });

    it('costs no run when it comes back and has missed nothing', async () => {
      const screen = await demo.signIn('alice', 'bob');
      await using first = await screen.open('/notifications/stream');
      const { id } = await first.next();
      const { runs, resumed } = demo.trigger.stats();
      await using again = await screen.open('/notifications/stream', { 'last-event-id': id! });
      await until(() => demo.trigger.stats().resumed > resumed);
      // What comes after a push is the first that it gets.
      await notify(screen.agent, 'alice', 'bob', 'one');
      expect((await nextBells(again)).map(({ unread }) => unread)).toEqual([0, 1]);
      expect(demo.trigger.stats()).toMatchObject({ runs: runs + 1, resumed: resumed + 1 });
    });
  });

  describe('the streams of a screen', () => {
    const PATHS = ['/notifications/stream', '/notifications/export?user=alice', '/bonnet/stream'];

    it.each([
      ['/sign-out', 'alice', 401, []],
      ['/sign-out', 'bob', 200, ['alice']],
      ['/sign-in', 'carol', 200, ['alice', 'bob', 'carol']],
    ])('end with %s of %s, and come back to what they may show then', async (path, name, status, users) => {
      const alice = await demo.signIn(...(users.length === 0 ? ['alice'] : ['alice', 'bob']));
      // Enough for an export that would not end by itself.
      for (let sent = 0; sent < 9; sent += 1) await notify(alice.agent, 'alice', 'alice', 'hello');
      const streams = await Promise.all(PATHS.map((path) => alice.open(path)));
      const elsewhere = await demo.signIn('alice');
      await using untouched = await elsewhere.open('/notifications/stream');
      await untouched.next();
      const { headers } = await alice.agent.post(path).send({ name }).expect(200, { users });
      const rests = streams.map((stream) => stream.rest());
      await notify(elsewhere.agent, 'alice', 'alice', 'secret');
      expect(JSON.stringify(await Promise.all(rests))).not.toContain('secret');
      expect((await nextBells(untouched))[0]!.newest[0]!.text).toBe('secret');

      const cookie = headers['set-cookie']?.[0] ?? alice.cookie;
      const again = await head(`${demo.url}/notifications/stream`, { cookie });
      expect(again.statusCode).toBe(status);
      again.destroy();
    });
  });

  it('signs a user out of all screens, and nobody else', async () => {
    const [here, there] = [await demo.signIn('alice'), await demo.signIn('bob', 'alice')];
    const bob = await demo.signIn('bob');
    const streams = await Promise.all([here, there].map((screen) => screen.open('/notifications/stream')));
    await using untouched = await bob.open('/notifications/stream');
    await Promise.all([...streams, untouched].map((stream) => stream.next()));
    await bob.agent.post('/sign-out-everywhere').send({ name: 'alice' }).expect(401);
    await there.agent
      .post('/sign-out-everywhere')
      .send({ name: 'alice' })
      .expect(200, { users: ['bob'] });

    const rests = streams.map((stream) => stream.rest());
    await notify(bob.agent, 'bob', 'bob', 'secret');
    await notify(bob.agent, 'bob', 'alice', 'secret');
    expect(JSON.stringify(await Promise.all(rests))).not.toContain('secret');
    expect((await nextBells(untouched))[0]!.newest[0]!.text).toBe('secret');
    await here.agent.get('/session').expect(200, { users: [] });
    await there.agent.get('/session').expect(200, { users: ['bob'] });
  });

  describe('reading', () => {
    /** For alice, bob and alice again. */
    async function notifyThree(): Promise<number[]> {
      const { agent } = await demo.signIn('dora');
      for (const to of ['alice', 'bob', 'alice']) await notify(agent, 'dora', to, 'hello');
      const all = await demo.orm.em.fork().findAll(Notification, { orderBy: { id: 'asc' } });
      return all.map(({ id }) => id);
    }

    async function unread(): Promise<number[]> {
      const left = await demo.orm.em.fork().find(Notification, { read: false }, { orderBy: { id: 'asc' } });
      return left.map(({ id }) => id);
    }

    it('all leaves unread what came after upTo, and what is for others', async () => {
      const [first, second, third] = await notifyThree();
      const { agent } = await demo.signIn('alice', 'bob');
      await agent.post('/notifications/read').send({ user: 'alice', upTo: first }).expect(204);
      expect(await unread()).toEqual([second, third]);
      await agent.post('/notifications/read').send({ user: 'alice', upTo: third }).expect(204);
      expect(await unread()).toEqual([second]);
    });

    it('one is shown by every stream of its user', async () => {
      const [first, second, third] = await notifyThree();
      const alice = await demo.signIn('alice');
      await using stream = await alice.open('/notifications/stream');
      expect((await nextBells(stream))[0]!.unread).toBe(2);
      await alice.agent.post(`/notifications/${first}/read`).expect(204);
      expect((await nextBells(stream))[0]!.newest.map(({ id, read }) => [id, read])).toEqual([
        [third, false],
        [first, true],
      ]);
      expect(await unread()).toEqual([second, third]);
    });

    it('one of somebody else does nothing, as if there were none', async () => {
      const [, second] = await notifyThree();
      const { agent } = await demo.signIn('alice', 'carol');
      const error = 'There is no such notification for you.';
      for (const id of [second, 4711, 2 ** 31, 'x', -1]) {
        await agent.post(`/notifications/${id}/read`).expect(404, { error });
      }
      await request(demo.url).post(`/notifications/${second}/read`).expect(404, { error });
      expect(await unread()).toHaveLength(3);
    });
  });

  it('tells nobody outside why the database failed', async () => {
    const { agent } = await demo.signIn('alice');
    await demo.orm.schema.execute('drop table bell_notification');
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const secret = { from: 'alice', to: 'bob', text: '<b>secret</b>' };
    await agent
      .post('/notifications')
      .send(secret)
      .expect(500, { error: 'Something went wrong on the server.' });
    expect(log).toHaveBeenCalledTimes(1);
    log.mockRestore();
  });
});

async function notify(agent: ReturnType<typeof request.agent>, from: string, to: string, text: string) {
  await agent.post('/notifications').send({ from, to, text }).expect(201);
}

/** As the page gets them, where a date is a text. */
async function nextBells(stream: StreamClient) {
  const { event, data } = await stream.next();
  expect(event).toBe('bells');
  type Sent = Omit<Bells['users'][number], 'newest'> & {
    newest: { id: number; from: string; text: string; at: string; read: boolean }[];
  };
  return (JSON.parse(data!) as { users: Sent[] }).users;
}
