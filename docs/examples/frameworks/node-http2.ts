import { createServer } from 'node:http2';
import { openStream, SseTrigger, streamOptions } from 'sse-trigger/node';
import { userOf } from './session.ts';
import { unreadOf } from './unread.ts';

export const trigger = new SseTrigger();
const notifications = streamOptions(trigger, {
  subject: (req) => userOf(req.headers.cookie),
  key: (userId) => `notifications:${userId}`,
  data: (userId) => unreadOf(userId),
});

// Browsers want createSecureServer({ key, cert, allowHTTP1: true }, …), which takes the same listener.
export const server = createServer((req, res) => {
  openStream(trigger, req, res, notifications).catch((error) => {
    res.statusCode = error.status ?? 500;
    res.end();
  });
});
