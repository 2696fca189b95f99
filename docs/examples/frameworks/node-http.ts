import { createServer } from 'node:http';
import { openStream, SseTrigger, streamOptions } from 'sse-trigger/node';
import { userOf } from './session.ts';
import { unreadOf } from './unread.ts';

export const trigger = new SseTrigger();
const notifications = streamOptions(trigger, {
  subject: (req) => userOf(req.headers.cookie),
  key: (userId) => `notifications:${userId}`,
  data: (userId) => unreadOf(userId),
});

export const server = createServer((req, res) => {
  openStream(trigger, req, res, notifications).catch((error) => {
    res.statusCode = error.status ?? 500;
    res.end();
  });
});
