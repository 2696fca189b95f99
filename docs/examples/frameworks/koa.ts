import type { IncomingMessage } from 'node:http';
import Koa from 'koa';
import { openStream, SseTrigger, streamOptions } from 'sse-trigger/node';
import { userOf } from './session.ts';
import { unreadOf } from './unread.ts';

export const trigger = new SseTrigger();
const notifications = streamOptions(trigger, {
  subject: (req: IncomingMessage & { userId: string | undefined }) => req.userId,
  key: (userId) => `notifications:${userId}`,
  data: (userId) => unreadOf(userId),
});

export const app = new Koa();

app.use(async (ctx, next) => {
  if (ctx.path !== '/notifications/stream') return next();
  ctx.respond = false; // Koa still answers when openStream rejects
  const userId = userOf(ctx.headers.cookie); // or ctx.session.userId, or ctx.state.user.id
  await openStream(trigger, Object.assign(ctx.req, { userId }), ctx.res, notifications);
});
