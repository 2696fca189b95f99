import { SseTrigger, streamOptions, streamResponse } from 'sse-trigger/fetch';
import { userOf } from './session.ts';
import { unreadOf } from './unread.ts';

export const trigger = new SseTrigger();
const notifications = streamOptions(trigger, {
  subject: (request) => userOf(request.headers.get('cookie') ?? undefined),
  key: (userId) => `notifications:${userId}`,
  data: (userId) => unreadOf(userId),
});

export async function answer(request: Request): Promise<Response> {
  if (new URL(request.url).pathname !== '/notifications/stream') return new Response(null, { status: 404 });
  return streamResponse(trigger, request, notifications);
}
