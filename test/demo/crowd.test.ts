import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Crowd } from '../../demo/crowd.ts';
import { serve } from '../support/serve.ts';
import { until } from '../support/until.ts';
import { type DemoApp, startDemoApp } from './demo-app.ts';

const SIZE = 120;

let demo: DemoApp;
let versions: Map<string, unknown>;

beforeEach(async () => {
  versions = new Map();
  demo = await startDemoApp({ versions, crowdSize: SIZE });
});
afterEach(async () => {
  demo.crowd.close();
  await demo[Symbol.asyncDispose]();
});

describe('the crowd', () => {
  it('opens all its streams, and says what that cost: one run for all', async () => {
    expect(demo.crowd.state()).toEqual({ open: 0, size: 0, cost: null, failed: null });
    const opening = demo.crowd.open();
    expect(demo.crowd.state()).toEqual({ open: 0, size: SIZE, cost: null, failed: null });
    await opening;
    const cost = { ms: expect.any(Number), runs: 1, frames: SIZE, heap: expect.any(Number) };
    expect(demo.crowd.state()).toEqual({ open: SIZE, size: SIZE, cost, failed: null });
    // Less, and what it measures is not the streams; more, and no machine could hold as many as the README says.
    expect(demo.crowd.state().cost!.heap).toBeGreaterThan(2_000);
    expect(demo.crowd.state().cost!.heap).toBeLessThan(100_000);
    expect(demo.trigger.stats()).toMatchObject({ streams: SIZE, keys: 1 });
  });

  it('is not opened twice, neither while it comes nor later', async () => {
    await Promise.all([demo.crowd.open(), demo.crowd.open()]);
    await demo.crowd.open();
    expect(demo.trigger.stats()).toMatchObject({ streams: SIZE, frames: SIZE });
  });

  it('goes when it is told to, and can come again', async () => {
    await demo.crowd.open();
    demo.crowd.close();
    expect(demo.crowd.state()).toEqual({ open: 0, size: 0, cost: null, failed: null });
    await until(() => demo.trigger.stats().streams === 0);
    await demo.crowd.open();
    expect(demo.crowd.state()).toMatchObject({ open: SIZE, size: SIZE });
  });

  it('goes although it was still coming', async () => {
    const opening = demo.crowd.open();
    await until(() => demo.trigger.stats().streams > 0);
    demo.crowd.close();
    await opening;
    expect(demo.crowd.state()).toEqual({ open: 0, size: 0, cost: null, failed: null });
    await until(() => demo.trigger.stats().streams === 0);
  });

  it('costs no run when it comes back to another process with what it showed', async () => {
    await demo.crowd.open();
    const alice = await demo.signIn('alice');
    const runs = () => demo.trigger.stats().runs;
    await alice.agent.post('/notifications').send({ from: 'alice', to: 'bob', text: 'hello' });
    await until(() => demo.trigger.stats().frames === 2 * SIZE);
    expect(runs()).toBe(2);
    // The last of it may still be on its way to the crowd.
    await until(async () => {
      await using probe = await alice.open('/crowd/stream');
      return (await probe.next()).id === demo.crowd.handOver()?.lastId;
    });

    await using next = await startDemoApp({ versions, crowdSize: SIZE });
    await next.crowd.open(demo.crowd.handOver()!.lastId);
    expect(next.crowd.state()).toMatchObject({ open: SIZE, cost: { runs: 0, frames: 0 } });
    await until(() => next.trigger.stats().resumed === SIZE);
    expect(next.trigger.stats()).toMatchObject({ runs: 0, frames: 0 });
    expect(next.crowd.handOver()).toEqual(demo.crowd.handOver());
    next.crowd.close();
  });

  it('hands nothing over where there is none', async () => {
    expect(demo.crowd.handOver()).toBeUndefined();
    await demo.crowd.open();
    demo.crowd.close();
    expect(demo.crowd.handOver()).toBeUndefined();
  });

  it('says what went wrong, and nothing of the cost, when not all of it could be opened', async () => {
    const opening = demo.crowd.open();
    await until(() => demo.trigger.stats().streams > 0);
    await demo.trigger.drain(0);
    await opening;
    await until(() => demo.crowd.state().open === 0);
    expect(demo.crowd.state()).toEqual({ open: 0, size: SIZE, cost: null, failed: 'closed by the server' });
    demo.crowd.close();
    expect(demo.crowd.state().failed).toBeNull();
  });

  it('says with which error the first connection failed', async () => {
    let connections = 0;
    await using served = await serve((_req, res) => {
      res.write('id: 1\n\n');
    });
    served.server.on('connection', (socket) => {
      connections += 1;
      if (connections > 60) socket.resetAndDestroy();
    });
    const crowd = new Crowd(served.server, () => demo.trigger.stats(), SIZE);
    await crowd.open();
    expect(crowd.state()).toEqual({ open: 60, size: SIZE, cost: null, failed: 'ECONNRESET' });
    crowd.close();
  });

  it('stops coming when the server ends, and is handed over nevertheless', async () => {
    const opening = demo.crowd.open();
    await until(() => demo.trigger.stats().streams > 0);
    demo.server.close();
    await demo.trigger.drain(0);
    demo.server.closeAllConnections();
    await opening;
    expect(demo.crowd.state()).toMatchObject({ size: SIZE, cost: null, failed: null });
    expect(demo.crowd.handOver()).toBeDefined();
  });

  it('does not begin to come when the server has ended', async () => {
    await using served = await serve(() => {});
    const crowd = new Crowd(served.server, () => demo.trigger.stats(), SIZE);
    served.server.close();
    await crowd.open();
    expect(crowd.state()).toEqual({ open: 0, size: 0, cost: null, failed: null });
  });
});
