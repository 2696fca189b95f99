import type { Express } from 'express';
import request from 'supertest';
import { describe, expect, it } from 'vitest';
import * as logout from '../../docs/examples/sessions/logout.ts';
import * as orders from '../../docs/examples/sessions/orders.ts';
import * as storeDown from '../../docs/examples/sessions/store-down.ts';
import * as token from '../../docs/examples/sessions/token.ts';
import { serve } from '../support/serve.ts';
import { openStream } from '../support/stream-client.ts';

async function stage(app: Express) {
  const served = await serve(app);
  return {
    ask: request(served.url),
    /** The headers of a browser in which somebody has signed in. */
    async signIn(name: string) {
      const answer = await request(served.url).post(`/sign-in/${name}`).expect(200);
      return { cookie: answer.get('Set-Cookie')![0]! };
    },
    open: (path: string, headers: Record<string, string>) => openStream(served.url, path, { headers }),
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
  };
}

describe('docs/sessions.md', () => {
  it('shows an order to its owner, until that is another one', async () => {
    await using app = await stage(orders.app);
    const alice = await app.signIn('alice');
    await app.ask.get('/orders/1/stream').expect(401);
    await app.ask
      .get('/orders/1/stream')
      .set(await app.signIn('bob'))
      .expect(403);
    await using stream = await app.open('/orders/1/stream', alice);
    expect(await stream.next()).toMatchObject({ data: '{"orderId":"1","status":"packed"}' });
    orders.owners.set('1', 'bob');
    orders.trigger.push('roles:alice');
    expect(await stream.rest()).toEqual([{ retry: expect.any(Number) }]);
    await app.ask.get('/orders/1/stream').set(alice).expect(403);
    await orders.trigger.close();
  });

  it('ends the streams of a session that signs out, and no others', async () => {
    await using app = await stage(logout.app);
    const [here, there] = [await app.signIn('alice'), await app.signIn('alice')];
    await using stream = await app.open('/inbox/stream', here);
    await using other = await app.open('/inbox/stream', there);
    expect(await stream.next()).toMatchObject({ data: '["Welcome, alice."]' });
    expect(await other.next()).toMatchObject({ data: '["Welcome, alice."]' });
    await app.ask.post('/sign-out').set(here).expect(204);
    expect(await stream.rest()).toEqual([{ retry: expect.any(Number) }]);
    await app.ask.get('/inbox/stream').set(here).expect(401);
    expect(logout.trigger.stats()).toMatchObject({ streams: 1, closed: { permission: 1 } });
    await logout.trigger.close();
  });

  it('ends a stream when its token does', async () => {
    await using app = await stage(token.app);
    const expiry = (exp: number) => ({ cookie: `token=${exp}.alice` });
    await app.ask.get('/inbox/stream').expect(401);
    await app.ask.get('/inbox/stream').set(expiry(1_000_000)).expect(403);
    const soon = Math.floor(Date.now() / 1000) + 2;
    await using stream = await app.open('/inbox/stream', expiry(soon));
    expect(await stream.rest()).toEqual([
      { id: expect.any(String), data: '["Welcome, alice."]' },
      { retry: expect.any(Number) },
    ]);
    expect(Date.now()).toBeGreaterThanOrEqual(soon * 1000 - 20);
    await token.trigger.close();
  });

  it('has streams come back later, and people told of the error, while the session store is away', async () => {
    await using app = await stage(storeDown.app);
    const { cookie } = await app.signIn('alice');
    const answer = await app.ask.get('/').set({ cookie, accept: 'text/event-stream' }).expect(200);
    expect(answer.text).toBe(': later\nretry: 30000\n\n');
    await app.ask.get('/').set({ cookie, accept: 'text/html' }).expect(500);
  });
});
