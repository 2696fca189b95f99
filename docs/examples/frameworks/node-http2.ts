import { once } from 'node:events';
import { createServer, type ServerHttp2Session } from 'node:http2';
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

const sessions = new Set<ServerHttp2Session>();
server.on('session', (session) => {
  sessions.add(session);
  session.once('close', () => sessions.delete(session));
});

export async function shutDown(ms = 10_000): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  for (const session of sessions) session.close(); // takes no more streams, and ends with those that it has
  await trigger.drain(ms);
  await closed;
  await trigger.close();
}
