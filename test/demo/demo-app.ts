import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Keyv } from 'keyv';
import { SseTrigger } from 'sse-trigger';
import { KeyvStore } from 'sse-trigger/keyv';
import request from 'supertest';
import { createApp } from '../../demo/app.ts';
import type { BonnetKey } from '../../demo/bonnet.ts';
import { Crowd } from '../../demo/crowd.ts';
import { type Database, openDatabase, type Place } from '../../demo/database.ts';
import type { Key } from '../../demo/notification.ts';
import { DatabaseSessionStore } from '../../demo/session-store.ts';
import { openStream, type StreamClient } from '../support/stream-client.ts';

export interface DemoAppOptions {
  place?: Place;
  /** Where versions are. */
  versions?: Map<string, unknown>;
  crowdSize?: number;
  restart?: () => void;
}

/** The demo on a free port, in this process. */
export interface DemoApp extends AsyncDisposable {
  readonly url: string;
  readonly server: Server;
  readonly trigger: SseTrigger<Key>;
  readonly orm: Database;
  readonly crowd: Crowd;
  /** A browser on which these users are signed in. */
  signIn(...names: string[]): Promise<Screen>;
}

export interface Screen {
  readonly agent: ReturnType<typeof request.agent>;
  readonly cookie: string;
  /** Opens a stream as this browser would. */
  open(path: string, headers?: Readonly<Record<string, string>>): Promise<StreamClient>;
}

export async function startDemoApp(options: DemoAppOptions = {}): Promise<DemoApp> {
  const { place = { file: ':memory:' }, versions = new Map(), crowdSize = 10, restart } = options;
  const trigger = new SseTrigger<Key>({ store: new KeyvStore(new Keyv({ store: versions })) });
  const bonnetTrigger = new SseTrigger<BonnetKey>();
  const orm = await openDatabase(place, trigger);
  const server = createServer();
  const crowd = new Crowd(server, () => trigger.stats(), crowdSize);
  const sessions = new DatabaseSessionStore(orm.em);
  const app = createApp({ trigger, bonnetTrigger, orm, sessions, sessionSecret: 'secret', crowd, restart });
  server.on('request', app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    server,
    trigger,
    orm,
    crowd,
    signIn: (...names) => signIn(url, names),
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      await Promise.all([trigger.close(), bonnetTrigger.close()]);
      server.closeAllConnections();
      await closed;
      await orm.close();
    },
  };
}

async function signIn(url: string, names: string[]): Promise<Screen> {
  const agent = request.agent(url);
  let cookie = '';
  for (const name of names) {
    const answer = await agent.post('/sign-in').send({ name }).expect(200);
    cookie = answer.get('Set-Cookie')![0]!;
  }
  const open: Screen['open'] = (path, headers) => openStream(url, path, { headers: { cookie, ...headers } });
  return { agent, cookie, open };
}
