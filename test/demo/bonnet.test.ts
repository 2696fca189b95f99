import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bonnet } from '../../demo/bonnet.ts';
import type { StreamClient } from '../support/stream-client.ts';
import { type DemoApp, startDemoApp } from './demo-app.ts';

const SIZE = 60;

let demo: DemoApp;
let restarts: number;

beforeEach(async () => {
  restarts = 0;
  const restart = () => {
    restarts += 1;
  };
  demo = await startDemoApp({ crowdSize: SIZE, restart });
});
afterEach(async () => {
  demo.crowd.close();
  await demo[Symbol.asyncDispose]();
});

/** The first one of which it is true. */
async function bonnetWith(stream: StreamClient, isIt: (bonnet: Bonnet) => boolean): Promise<Bonnet> {
  for (;;) {
    const { event, data } = await stream.next();
    expect(event).toBe('bonnet');
    const bonnet: Bonnet = JSON.parse(data!);
    if (isIt(bonnet)) return bonnet;
  }
}

describe('the bonnet', () => {
  it('is open to all, and does not count itself', async () => {
    const nobody = await demo.signIn();
    await using first = await nobody.open('/bonnet/stream');
    await using second = await nobody.open('/bonnet/stream');
    const any = () => true;
    expect(await bonnetWith(first, any)).toEqual({
      pid: process.pid,
      startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      rss: expect.any(Number),
      stats: demo.trigger.stats(),
      watching: 0,
      loop: { checks: 0, runs: 0 },
      crowd: { open: 0, size: 0, cost: null, failed: null },
      wire: [],
    });
    expect((await bonnetWith(second, any)).stats).toMatchObject({ streams: 0, runs: 0, bytes: 0 });
  });

  it('shows what goes to the users of the screen, and not to others', async () => {
    const alice = await demo.signIn('alice');
    const bob = await demo.signIn('bob');
    await using bonnet = await alice.open('/bonnet/stream');
    await using stream = await alice.open('/notifications/stream');
    await using other = await bob.open('/notifications/stream');
    await Promise.all([stream.next(), other.next()]);
    await bob.agent.post('/notifications').send({ from: 'bob', to: 'bob', text: 'secret' }).expect(201);
    await other.next();
    await bob.agent.post('/notifications').send({ from: 'bob', to: 'alice', text: 'hello' }).expect(201);
    const { id, event, data } = await stream.next();

    const { wire, stats, watching } = await bonnetWith(bonnet, ({ wire }) => wire.length === 3);
    expect(wire[0]!.text).toMatch(/^: open\nretry: \d+\n\n$/);
    expect(wire[2]!.text).toBe(`id: ${id}\nevent: ${event}\ndata: ${data}\n\n`);
    expect(JSON.stringify(wire)).not.toContain('secret');
    expect(stats).toMatchObject({ streams: 2, keys: 4, runs: 4, frames: 4 });
    expect(watching).toBe(2);
  });

  it('shows the export on the wire, which is no loop of anybody', async () => {
    const alice = await demo.signIn('alice');
    await using bonnet = await alice.open('/bonnet/stream');
    await using stream = await alice.open('/notifications/export?user=alice');
    await stream.rest();
    const { wire, loop } = await bonnetWith(bonnet, ({ wire }) => wire.length === 3);
    expect(wire[1]!.text).toContain('event: rows\n');
    expect(loop).toEqual({ checks: 0, runs: 0 });
  });

  it('shows the crowd come and go', async () => {
    const { agent, open } = await demo.signIn();
    await using bonnet = await open('/bonnet/stream');
    await agent.post('/bonnet/crowd').send({ open: true }).expect(202);
    const { crowd, stats, watching, loop } = await bonnetWith(bonnet, ({ crowd }) => crowd.cost !== null);
    expect(crowd).toMatchObject({ open: SIZE, size: SIZE, cost: { runs: 1, frames: SIZE } });
    expect(stats.streams).toBe(SIZE);
    expect(watching).toBe(SIZE);
    expect(loop.runs).toBe(SIZE);

    await agent.post('/bonnet/crowd').send({ open: false }).expect(202);
    const gone = await bonnetWith(bonnet, ({ stats }) => stats.streams === 0);
    expect(gone.watching).toBe(0);
    expect(gone.crowd).toEqual({ open: 0, size: 0, cost: null, failed: null });
  });

  it('refuses a crowd that is neither to come nor to go', async () => {
    const error = 'open must be true or false';
    await request(demo.url).post('/bonnet/crowd').expect(400, { error });
    await request(demo.url).post('/bonnet/crowd').send({ open: 'yes' }).expect(400, { error });
  });

  it('asks for a restart', async () => {
    await request(demo.url).post('/bonnet/restart').expect(202);
    expect(restarts).toBe(1);
  });

  it('says so when nobody would start it again', async () => {
    await using alone = await startDemoApp();
    const { body } = await request(alone.url).post('/bonnet/restart').expect(503);
    expect(body.error).toMatch(/npm run demo/);
  });
});
