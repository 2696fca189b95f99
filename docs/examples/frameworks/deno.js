import { answer } from './web.ts';

export const server = Deno.serve({ hostname: '127.0.0.1', port: 0 }, answer);
