// A server without Express and without its types.
import { createServer, type IncomingMessage } from 'node:http';
import { SseTrigger, streamSse } from 'sse-trigger';

const trigger = new SseTrigger<`user:${string}`>();
const stream = streamSse(trigger, {
  subject: (req: IncomingMessage) => req.headers.authorization,
  key: (user) => `user:${user}` as const,
  data: (user) => user.toUpperCase(),
});

export const server = createServer((req, res) => {
  stream(req, res, (error) => res.writeHead(error ? 500 : 404).end());
});
