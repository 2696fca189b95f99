import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type ServerType, serve } from '@hono/node-server';
import { NestFactory } from '@nestjs/core';
import type { SseTrigger } from 'sse-trigger/node';
import * as fastify from './fastify.ts';
import * as hono from './hono.ts';
import * as koa from './koa.ts';
import * as nest from './nest.ts';
import { GET } from './next/route.ts';
import { trigger as nextTrigger } from './next/trigger.ts';
import * as node from './node-http.ts';
import * as http2 from './node-http2.ts';

/** An example on a free port, until it is disposed of. */
export interface Served extends AsyncDisposable {
  readonly trigger: SseTrigger;
  readonly url: string;
}

/** How each server serves its example. */
export const examples = {
  'node:http': () => listening(node.trigger, node.server.listen(0, '127.0.0.1')),
  'node:http2': () => listening(http2.trigger, http2.server.listen(0, '127.0.0.1')),
  Fastify: async () => {
    const url = await fastify.app.listen({ port: 0, host: '127.0.0.1' });
    return { trigger: fastify.trigger, url, [Symbol.asyncDispose]: () => fastify.app.close() };
  },
  Koa: () => listening(koa.trigger, koa.app.listen(0, '127.0.0.1')),
  NestJS: async () => {
    const app = await NestFactory.create(nest.AppModule, { logger: false });
    await app.listen(0, '127.0.0.1');
    return { trigger: nest.trigger, url: await app.getUrl(), [Symbol.asyncDispose]: () => app.close() };
  },
  Hono: () => listening(hono.trigger, serve({ fetch: hono.app.fetch, port: 0, hostname: '127.0.0.1' })),
  // It calls a route handler with a Request, as Hono's server does here; Next itself is not installed.
  'Next.js': () => listening(nextTrigger, serve({ fetch: GET, port: 0, hostname: '127.0.0.1' })),
} satisfies Record<string, () => Promise<Served>>;

async function listening(trigger: SseTrigger, server: Server | Http2Server | ServerType): Promise<Served> {
  if (!server.listening) await once(server, 'listening');
  return {
    trigger,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}
