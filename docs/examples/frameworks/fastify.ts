import type { IncomingMessage } from 'node:http';
import { fastify } from 'fastify';
import { openStream, SseTrigger, streamOptions } from 'sse-trigger/node';
import { userOf } from './session.ts';
import { unreadOf } from './unread.ts';

export const trigger = new SseTrigger();
const notifications = streamOptions(trigger, {
  subject: (req: IncomingMessage & { userId: string | undefined }) => req.userId,
  key: (userId) => `notifications:${userId}`,
  data: (userId) => unreadOf(userId),
});

export const app = fastify();
app.addHook('preClose', () => trigger.drain(10_000));

app.get('/notifications/stream', async (request, reply) => {
  const userId = userOf(request.headers.cookie); // or request.session.userId, or whatever a plugin knows
  await openStream(trigger, Object.assign(request.raw, { userId }), reply.raw, notifications);
  reply.hijack(); // not before: what openStream rejects with is for Fastify to answer
});
