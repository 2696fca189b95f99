import { answer } from './web.ts';

// It closes connections on which nothing was sent for idleTimeout, 10 s by default: more than heartbeat is needed.
export const server = Bun.serve({ hostname: '127.0.0.1', port: 0, idleTimeout: 30, fetch: answer });
