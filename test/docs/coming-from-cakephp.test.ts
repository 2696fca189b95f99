import express from 'express';
import { Redis } from 'ioredis';
import request from 'supertest';
import { expect, it } from 'vitest';
import { after } from '../../docs/examples/coming-from-cakephp/after.ts';
import { Notifications } from '../../docs/examples/coming-from-socket-io/notifications.ts';
import { startRedis } from '../support/redis-server.ts';
import { serve } from '../support/serve.ts';
import { openStream } from '../support/stream-client.ts';
import { withSessions } from './screen.ts';

it('shows what is saved here, and what PHP saved and pushed', async () => {
  await using redisServer = await startRedis();
  const redis = new Redis(redisServer.port);
  const notifications = new Notifications();
  const app = withSessions(express());
  {
    await using _trigger = after(app, redis, notifications);
    await using served = await serve(app);
    const cookie = (await request(served.url).post('/sign-in/42')).get('Set-Cookie')![0]!;
    await using stream = await openStream(served.url, '/notifications/stream', { headers: { cookie } });
    expect(await stream.next()).toMatchObject({ event: 'new_notification', data: '[]' });
    await request(served.url).post('/users/42/notifications/node').expect(201);
    expect(await stream.next()).toMatchObject({ data: '[{"id":1,"text":"node"}]' });

    await notifications.add('42', 'php');
    await redis.setex('sse:user_notifications_42', 604_800, 'f00d');
    await redis.publish('sse:wake:0', 'f00d user_notifications_42');
    expect(await stream.next()).toMatchObject({ data: '[{"id":1,"text":"node"},{"id":2,"text":"php"}]' });
  }
  redis.disconnect();
});
