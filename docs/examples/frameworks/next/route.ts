import { streamOptions, streamResponse } from 'sse-trigger/fetch';
import { userOf } from '../session.ts';
import { unreadOf } from '../unread.ts';
import { trigger } from './trigger.ts';

const notifications = streamOptions(trigger, {
  subject: (request) => userOf(request.headers.get('cookie') ?? undefined),
  key: (userId) => `notifications:${userId}`,
  data: (userId) => unreadOf(userId),
});

export const dynamic = 'force-dynamic';
export const GET = (request: Request) => streamResponse(trigger, request, notifications);
