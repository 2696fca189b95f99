import request from 'supertest';
import { expect, it } from 'vitest';
import { app, owners, trigger } from '../../docs/examples/sessions/orders.ts';
import { serve } from '../support/serve.ts';
import { openStream } from '../support/stream-client.ts';

it('shows an order to its owner, until that one has been changed', async () => {
  await using served = await serve(app);
  const signIn = async (name: string) => ({
    cookie: (await request(served.url).post(`/sign-in/${name}`)).get('Set-Cookie')![0]!,
  });
  const alice = await signIn('alice');
  await request(served.url).get('/orders/1/stream').expect(401);
  await request(served.url)
    .get('/orders/1/stream')
    .set(await signIn('bob'))
    .expect(403);
  await using stream = await openStream(served.url, '/orders/1/stream', { headers: alice });
  expect(await stream.next()).toMatchObject({ data: '{"orderId":"1","status":"packed"}' });
  owners.set('1', 'bob');
  trigger.push('roles:alice');
  expect(await stream.rest()).toEqual([{ retry: expect.any(Number) }]);
  await request(served.url).get('/orders/1/stream').set(alice).expect(403);
  await trigger.close();
});
