import { Hono } from 'hono';
import { SseTrigger, streamOptions, streamResponse } from 'sse-trigger/fetch';
import { userOf } from './session.ts';
import { unreadOf } from './unread.ts';

export const trigger = new SseTrigger();
const notifications = streamOptions(trigger, {
  subject: (request: Request & { userId: string | undefined }) => request.userId,
  key: (userId) => `notifications:${userId}`,
  data: (userId) => unreadOf(userId),
});

export const app = new Hono();

app.get('/notifications/stream', (c) => {
  const userId = userOf(c.req.header('cookie')); // or c.get('userId'), set by a middleware
  return streamResponse(trigger, Object.assign(c.req.raw, { userId }), notifications);
});
