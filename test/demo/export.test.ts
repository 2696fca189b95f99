import request from 'supertest';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { exportNotifications, type Rows } from '../../demo/export.ts';
import { Notification } from '../../demo/notification.ts';
import type { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';
import { databases, type TestDatabase } from './databases.ts';
import { type DemoApp, type Screen, startDemoApp } from './demo-app.ts';

let demo: DemoApp;
let alice: Screen;

const PATH = '/notifications/export?user=alice';

async function save(...texts: string[]): Promise<number[]> {
  const em = demo.orm.em.fork();
  const at = new Date('2026-02-03T04:05:06.789Z');
  const all = texts.map((text) => em.create(Notification, { from: 'bob', to: 'alice', text, at }));
  await em.flush();
  return all.map(({ id }) => id);
}

async function nextRows(stream: StreamClient): Promise<Rows & { id: string }> {
  const { event, id, data } = await stream.next();
  expect(event).toBe('rows');
  return { id: id!, ...JSON.parse(data!) };
}

/** All that comes until the server ends the stream. */
async function restOf(stream: StreamClient): Promise<Rows[]> {
  const blocks = await stream.rest();
  return blocks.flatMap(({ event, data }) => (event === 'rows' ? [JSON.parse(data!)] : []));
}

describe.each(databases)('the export with $name', ({ start }) => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await start();
  });
  afterAll(() => database[Symbol.asyncDispose]());
  beforeEach(async () => {
    demo = await startDemoApp({ place: database.place });
    alice = await demo.signIn('alice', 'bob');
  });
  afterEach(async () => {
    await demo.orm.schema.dropSchema();
    await demo[Symbol.asyncDispose]();
  });

  it('sends the notifications to one user page by page, says how far it is, and ends', async () => {
    const [, second, third] = await save('one', 'two', 'three');
    const em = demo.orm.em.fork();
    em.create(Notification, { from: 'alice', to: 'bob', text: 'not hers' });
    await em.flush();

    await using stream = await alice.open(PATH);
    expect(await nextRows(stream)).toEqual({
      id: `${second}`,
      done: 2,
      total: 3,
      lines: [
        'id,from,text,at,read',
        '1,bob,one,2026-02-03T04:05:06.789Z,false',
        '2,bob,two,2026-02-03T04:05:06.789Z,false',
      ],
    });
    expect(await nextRows(stream)).toEqual({
      id: `${third}`,
      done: 3,
      total: 3,
      lines: ['3,bob,three,2026-02-03T04:05:06.789Z,false'],
    });
    const [goodbye, ...more] = await stream.rest();
    expect(more).toEqual([]);
    const headers = { cookie: alice.cookie, 'last-event-id': goodbye!.id! };
    await request(demo.url).get(PATH).set(headers).expect(204);
  });

  it('is a header alone when there is nothing', async () => {
    await using stream = await alice.open(PATH);
    expect(await restOf(stream)).toEqual([{ done: 0, total: 0, lines: ['id,from,text,at,read'] }]);
  });

  it('goes on behind the last id that the client got', async () => {
    const ids = await save('one', 'two', 'three', 'four', 'five');
    await using stream = await alice.open(PATH, { 'last-event-id': `${ids[2]}` });
    expect(await restOf(stream)).toEqual([
      { done: 5, total: 5, lines: [expect.stringMatching('four'), expect.stringMatching('five')] },
    ]);
  });

  it('says that it is done to who was cut off just before that', async () => {
    const ids = await save('one', 'two');
    await using stream = await alice.open(PATH, { 'last-event-id': `${ids[1]}` });
    expect(await restOf(stream)).toEqual([{ done: 2, total: 2, lines: [] }]);
  });

  it.each(['garbage', '-1', '1.5', '99999999999999'])('begins anew with the id %s', async (id) => {
    await save('one');
    await using stream = await alice.open(PATH, { 'last-event-id': id });
    expect((await restOf(stream))[0]!.lines[0]).toBe('id,from,text,at,read');
  });

  it('leaves out what comes while it is under way', async () => {
    await save('one', 'two', 'three');
    await using stream = await alice.open(PATH);
    await nextRows(stream);
    await save('four');
    expect(await restOf(stream)).toEqual([{ done: 3, total: 3, lines: [expect.stringMatching('three')] }]);
  });

  it.each([
    ['plain', 'plain'],
    ['Hello, you', '"Hello, you"'],
    ['so "called"', '"so ""called"""'],
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['=HYPERLINK("https://x.example","y")', '"\'=HYPERLINK(""https://x.example"",""y"")"'],
    ['a=1', 'a=1'],
    ['＝1+1', "'＝1+1"],
    ['a;=1+1', '"a;\'=1+1"'],
    ['a\t@SUM(A1)', '"a\t\'@SUM(A1)"'],
  ])('writes %s as a cell of a CSV file', async (text, cell) => {
    await save(text);
    await using stream = await alice.open(PATH);
    const { lines } = await nextRows(stream);
    expect(lines[1]).toBe(`1,bob,${cell},2026-02-03T04:05:06.789Z,false`);
  });

  it('is for who is signed in on this screen', async () => {
    const error = 'Sign in first.';
    for (const query of ['', '?user=carol', '?user=alice&user=bob', '?user[]=alice']) {
      await alice.agent.get(`/notifications/export${query}`).expect(401, { error });
    }
    await request(demo.url).get(PATH).expect(401, { error });
  });

  it('ends at once, in the midst of a pause, when the client leaves', async () => {
    await save('one', 'two', 'three');
    const left = new AbortController();
    const source = exportNotifications(demo.orm.em.fork(), 'alice', {
      signal: left.signal,
      lastEventId: undefined,
    });
    await source.next();
    const pausing = source.next();
    left.abort();
    await expect(pausing).rejects.toThrow('aborted');
  });

  it('ends when its user signs out in another process, and not as if that were all', async () => {
    await save(...Array.from({ length: 30 }, (_, n) => `number ${n}`));
    await using elsewhere = await startDemoApp({ place: database.place });
    const stream = await alice.open(PATH);
    await nextRows(stream);
    const signOut = request(elsewhere.url).post('/sign-out').set('Cookie', alice.cookie);
    await signOut.send({ name: 'alice' }).expect(200, { users: ['bob'] });
    const rest = await stream.rest();
    expect(rest.map(({ event }) => event)).not.toContain('sse-trigger-complete');
    expect(rest.length).toBeLessThan(14);
    await alice.agent.get(PATH).expect(401);
  });

  it('leaves nothing open when the client has left', async () => {
    await save('one', 'two', 'three');
    const stream = await alice.open(PATH);
    await nextRows(stream);
    await stream[Symbol.asyncDispose]();
    await until(() => demo.trigger.stats().streams === 0);
  });
});
