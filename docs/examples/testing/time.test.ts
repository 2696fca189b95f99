import { Keyv } from 'keyv';
import { KeyvStore } from 'sse-trigger/keyv';
import { readEvents, testTrigger, VirtualClock } from 'sse-trigger/testing';
import { expect, it } from 'vitest';
import { createApp, statuses } from './app.ts';

const headers = { 'x-user': 'owner of 7' };

it('keeps an idle stream open', async () => {
  const clock = new VirtualClock();
  const trigger = testTrigger({ clock });
  const events = readEvents(createApp(trigger), '/orders/7/stream', { headers, everything: true });
  await events.next(); // what opens the stream
  await events.next(); // the order
  await clock.advance(15_000);
  expect((await events.next()).value).toEqual({ comment: '' });
  await events.return();
  await trigger.close();
});

it('shows what another process has changed with the next poll', async () => {
  const clock = new VirtualClock();
  const store = new KeyvStore(new Keyv());
  const here = testTrigger({ clock, store });
  const there = testTrigger({ clock, store });
  statuses.set('7', 'packed');
  const events = readEvents(createApp(here), '/orders/7/stream', { headers });
  await events.next();

  statuses.set('7', 'shipped');
  expect(await there.push('order:7')).toBe(true);
  await clock.advance(2_000);
  expect((await events.next()).value).toMatchObject({ data: 'shipped' });
  await events.return();
  await Promise.all([here.close(), there.close()]);
});
