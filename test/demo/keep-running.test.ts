import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bonnet } from '../../demo/bonnet.ts';
import { DemoProcess } from '../support/demo-process.ts';
import { endWithThisProcess } from '../support/end-with-this-process.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { startRedis } from '../support/redis-server.ts';
import { openStream } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

let folder: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sse-trigger-bell-'));
  env = { DATABASE_FILE: join(folder, 'bell.sqlite') };
});
afterEach(() => rm(folder, { recursive: true }));

/** The first one of which it is true. */
async function bonnetWith(url: string, isIt: (bonnet: Bonnet) => boolean): Promise<Bonnet> {
  await using stream = await openStream(url, '/bonnet/stream');
  for (;;) {
    const bonnet: Bonnet = JSON.parse((await stream.next()).data!);
    if (isIt(bonnet)) return bonnet;
  }
}

const any = () => true;

/** In front of a database, until it lets nothing through any more: to stop PostgreSQL would leave its connections alive. */
async function startProxy(target: string) {
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const upstream = connect(Number(new URL(target).port), '127.0.0.1');
    client.pipe(upstream).pipe(client);
    sockets.push(client, upstream);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.port = `${(server.address() as AddressInfo).port}`;
  return {
    url: url.href,
    hang() {
      for (const socket of sockets) socket.unpipe();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

async function signIn(url: string, name: string) {
  const agent = request.agent(url);
  const answer = await agent.post('/sign-in').send({ name }).expect(200);
  return { agent, cookie: answer.get('Set-Cookie')![0]! };
}

describe('a restart', () => {
  /** A restart with a stream and a crowd open, which miss nothing. */
  async function restart(demo: DemoProcess) {
    const url = await demo.listening();
    const { agent, cookie } = await signIn(url, 'alice');
    await agent.post('/notifications').send({ from: 'alice', to: 'alice', text: 'before' }).expect(201);
    await using stream = await openStream(url, '/notifications/stream', { headers: { cookie } });
    const { id } = await stream.next();
    await agent.post('/bonnet/crowd').send({ open: true }).expect(202);
    const before = await bonnetWith(url, ({ crowd }) => crowd.cost !== null);
    expect(before.stats.runs).toBeGreaterThan(0);

    await agent.post('/bonnet/restart').expect(202);
    await stream.rest();
    expect(await demo.listening()).toBe(url);
    await agent.get('/session').expect(200, { users: ['alice'] });
    const headers = { cookie, 'last-event-id': id! };
    await using again = await openStream(url, '/notifications/stream', { headers });
    const after = await bonnetWith(url, ({ crowd, stats }) => crowd.cost !== null && stats.resumed === 1001);
    expect(after.pid).not.toBe(before.pid);
    expect(after.stats).toMatchObject({ streams: 1001, runs: 0, frames: 0 });
    expect(after.crowd).toMatchObject({ open: 1000, size: 1000, cost: { runs: 0, frames: 0 } });

    await agent.post('/notifications').send({ from: 'alice', to: 'alice', text: 'after' }).expect(201);
    const { users } = JSON.parse((await again.next()).data!);
    expect(users).toMatchObject([{ unread: 2, newest: [{ text: 'after' }, { text: 'before' }] }]);
  }

  it('keeps the port, signs nobody out, and runs nothing for those who missed nothing', async () => {
    await using demo = new DemoProcess(env);
    await restart(demo);
  });

  it('does the same with versions and sessions in Redis', async () => {
    await using redis = await startRedis();
    await using demo = new DemoProcess({ ...env, REDIS_URL: redis.url });
    await restart(demo);
  });

  it('can come after another one, and be ended', async () => {
    await using demo = new DemoProcess(env);
    const url = await demo.listening();
    const pids = new Set<number>();
    for (let restarts = 0; restarts < 3; restarts += 1) {
      pids.add((await bonnetWith(url, any)).pid);
      await request(url).post('/bonnet/restart').expect(202);
      expect(await demo.listening()).toBe(url);
    }
    pids.add((await bonnetWith(url, any)).pid);
    expect(pids.size).toBe(4);
    demo.kill('SIGTERM');
    expect(await demo.ended()).toBe(0);
  });

  it('keeps a crowd that is still coming, which comes to the next process', async () => {
    await using demo = new DemoProcess(env);
    const url = await demo.listening();
    await request(url).post('/bonnet/crowd').send({ open: true }).expect(202);
    const { crowd, pid } = await bonnetWith(url, ({ crowd }) => crowd.open > 0);
    expect(crowd.cost).toBeNull();
    await request(url).post('/bonnet/restart').expect(202);
    expect(await demo.listening()).toBe(url);
    const after = await bonnetWith(url, ({ crowd }) => crowd.cost !== null);
    expect(after.pid).not.toBe(pid);
    expect(after.crowd).toMatchObject({ open: 1000, size: 1000, failed: null });
    expect(demo.said).toHaveLength(2);
  });

  it('is none when the end of all is wanted meanwhile', async () => {
    await using demo = new DemoProcess(env);
    const url = await demo.listening();
    await using stream = await openStream(url, '/crowd/stream');
    await request(url).post('/bonnet/restart').expect(202);
    demo.kill('SIGINT');
    expect(await demo.ended()).toBe(0);
    expect(demo.said).toHaveLength(1);
    await stream.rest();
  });
});

describe('the end', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('comes with %s, although streams are open', async (signal) => {
    await using demo = new DemoProcess(env);
    const url = await demo.listening();
    await using stream = await openStream(url, '/crowd/stream');
    const began = performance.now();
    demo.kill(signal);
    expect(await demo.ended()).toBe(0);
    // The drain takes a second at most.
    expect(performance.now() - began).toBeLessThan(5_000);
    // Ended, and not cut off.
    expect((await stream.rest()).at(-1)!.retry).toBeLessThanOrEqual(1_000);
  });

  it('comes although a crowd is still coming', async () => {
    await using demo = new DemoProcess(env);
    const url = await demo.listening();
    await request(url).post('/bonnet/crowd').send({ open: true }).expect(202);
    const { crowd } = await bonnetWith(url, ({ crowd }) => crowd.open > 0);
    expect(crowd.cost).toBeNull();
    demo.kill('SIGTERM');
    expect(await demo.ended()).toBe(0);
    expect(demo.said).toHaveLength(1);
  });

  const DEADLINE = expect.stringMatching(/^The server could not end within 5 seconds/);

  describe.each(['demo/start.js', 'demo/dist/server.js'])(
    'of %s, when the database does not answer,',
    (script) => {
      it('comes with a deadline', async () => {
        await using postgres = await startPostgres();
        await using proxy = await startProxy(postgres.url);
        await using demo = new DemoProcess({ DATABASE_URL: proxy.url }, script);
        await demo.listening();
        proxy.hang();
        demo.kill('SIGTERM');
        expect(await demo.ended()).toBe(1);
        expect(demo.said.slice(1)).toEqual([DEADLINE]);
      });

      it('comes with a deadline although it has not begun', async () => {
        const silent = createServer().listen(0, '127.0.0.1');
        await once(silent, 'listening');
        const { port } = silent.address() as AddressInfo;
        await using demo = new DemoProcess(
          { DATABASE_URL: `postgres://tester@127.0.0.1:${port}/bell` },
          script,
        );
        await once(silent, 'connection');
        demo.kill('SIGTERM');
        expect(await demo.ended()).toBe(1);
        expect(demo.said).toEqual([DEADLINE]);
        silent.close();
      });
    },
  );

  it('comes at once with a second signal', async () => {
    await using demo = new DemoProcess(env);
    const { pid } = await bonnetWith(await demo.listening(), any);
    // A server that hangs.
    process.kill(pid, 'SIGSTOP');
    const again = setInterval(() => demo.kill('SIGINT'), 100);
    expect(await demo.ended()).toBe(1);
    clearInterval(again);
  });

  it('is not hurried by the Ctrl-C that npm hands on, nor by the one that the server gets, too', async () => {
    await using demo = new DemoProcess(env);
    const url = await demo.listening();
    const { pid } = await bonnetWith(url, any);
    await using stream = await openStream(url, '/crowd/stream');
    // Two of a kind could arrive as one.
    demo.kill('SIGINT');
    demo.kill('SIGTERM');
    process.kill(pid, 'SIGINT');
    expect(await demo.ended()).toBe(0);
    expect((await stream.rest()).at(-1)!.retry).toBeLessThanOrEqual(1_000);
  });

  it('of the server is the end of all', async () => {
    await using demo = new DemoProcess(env);
    const { pid } = await bonnetWith(await demo.listening(), any);
    process.kill(pid, 'SIGKILL');
    expect(await demo.ended()).toBe(1);
  });

  it('of the process that keeps it running is that of the server', async () => {
    await using demo = new DemoProcess(env);
    const url = await demo.listening();
    await using stream = await openStream(url, '/crowd/stream');
    demo.kill('SIGKILL');
    // Its pipes are closed when the server has ended.
    await demo.ended();
    await expect(fetch(url)).rejects.toThrow();
    expect((await stream.rest()).at(-1)!.retry).toBeLessThanOrEqual(1_000);
  });

  it('of a server comes at once when it is wanted before it has begun', async () => {
    await using built = new DemoProcess(env);
    await built.listening();
    const server = fork('demo/dist/server.js', { env: { ...process.env, ...env, PORT: '0' } });
    endWithThisProcess(server);
    server.disconnect();
    expect(await once(server, 'exit')).toEqual([0, null]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('of a server on its own comes with %s', async (signal) => {
    // What start.js builds.
    await using built = new DemoProcess(env);
    await built.listening();
    await using server = new DemoProcess(env, 'demo/dist/server.js');
    const url = await server.listening();
    await request(url).post('/bonnet/restart').expect(503);
    await using stream = await openStream(url, '/crowd/stream');
    server.kill(signal);
    expect(await server.ended()).toBe(0);
    expect((await stream.rest()).at(-1)!.retry).toBeLessThanOrEqual(1_000);
  });
});

describe('a start that cannot be', () => {
  it('for a port that is taken says so in one line', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    await using demo = new DemoProcess({ ...env, PORT: `${port}` });
    expect(await demo.ended()).toBe(1);
    expect(demo.said).toEqual([
      `Port ${port} is taken: set PORT to another one, or to 0 for any that is free.`,
    ]);
    taken.close();
  });

  it.each(['http', '65536', '1.5', '-1'])('for a port that is none says so in one line: %s', async (PORT) => {
    await using demo = new DemoProcess({ ...env, PORT });
    expect(await demo.ended()).toBe(1);
    expect(demo.said).toEqual([expect.stringMatching(`^PORT is ${PORT}, which is no port: `)]);
  });

  it('for its database says so in one line', async () => {
    await using demo = new DemoProcess({ DATABASE_FILE: join(import.meta.filename, 'bell.sqlite') });
    expect(await demo.ended()).toBe(1);
    expect(demo.said).toEqual([expect.stringMatching(/^The database cannot be opened: /)]);
  });
});

it('two that start at the same moment on one empty database both come up, and know the sessions of each other', async () => {
  await using here = new DemoProcess(env);
  await using there = new DemoProcess(env);
  const [url, otherUrl] = await Promise.all([here.listening(), there.listening()]);
  const { cookie } = await signIn(url, 'alice');
  await request(otherUrl)
    .get('/session')
    .set('cookie', cookie)
    .expect({ users: ['alice'] });
});

it.each([
  ['127.0.0.1', 'localhost'],
  ['localhost', 'localhost'],
  ['::', 'localhost'],
  ['127.0.0.3', '127.0.0.3'],
])('with HOST %s can be found at %s', async (HOST, hostname) => {
  await using demo = new DemoProcess({ ...env, HOST });
  expect(new URL(await demo.listening()).hostname).toBe(hostname);
});

it('listens where HOST says', async () => {
  await using demo = new DemoProcess({ ...env, HOST: '0.0.0.0' });
  const { port } = new URL(await demo.listening());
  const url = `http://127.0.0.2:${port}`;
  await request(url).post('/bonnet/crowd').send({ open: true }).expect(202);
  await until(async () => (await bonnetWith(url, any)).crowd.open === 1000);
});
