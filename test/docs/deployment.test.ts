import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { SseTrigger, streamSse } from 'sse-trigger';
import type { RedisStore } from 'sse-trigger/redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bySentinels, onCluster } from '../../docs/examples/deployment/redis.ts';
import { eventually, newScreen, useBrowser } from '../browser/screens.ts';
import { startApp } from '../support/app-process.ts';
import { startCaddy } from '../support/caddy-server.ts';
import { startHaproxy } from '../support/haproxy-server.ts';
import { startNginx } from '../support/nginx-server.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { startSentinels } from '../support/redis-sentinels.ts';
import { startRedis } from '../support/redis-server.ts';
import { selfSigned } from '../support/self-signed.ts';
import { serve } from '../support/serve.ts';
import { openStream } from '../support/stream-client.ts';
import { read } from './pages.ts';

const SERVER = '../../docs/examples/deployment/server.js';

describe('over HTTP/2', () => {
  useBrowser();

  let folder: string;
  let certificate: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sse-trigger-certificate-'));
    certificate = join(folder, 'both.pem');
    await writeFile(certificate, await selfSigned('127.0.0.1'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const site = (file: string) => read(file).replace(/\/etc\/ssl\/[\w.]+/g, certificate);

  it.each([
    ['nginx', (to: number) => startNginx({ to, site: site('docs/nginx-http2.conf') })],
    ['HAProxy', (to: number) => startHaproxy({ to, site: site('docs/haproxy-http2.cfg') })],
    [
      'Caddy',
      (to: number) => {
        const tls = `:443 {\n\ttls ${certificate} ${certificate}`;
        return startCaddy({ to, site: site('docs/Caddyfile').replace(':80 {', tls) });
      },
    ],
  ])('as %s serves it, a browser has twenty streams open at once', async (_, start) => {
    await using trigger = new SseTrigger();
    const app = express();
    app.get('/', (_req, res) => void res.send('<!doctype html><link rel="icon" href="data:,">'));
    app.get('/count/stream', streamSse(trigger, { key: 'count', data: () => 1 }));
    await using served = await serve(app);
    await using proxy = await start(served.port);
    const screen = await newScreen(proxy.url.replace('http:', 'https:'), { ignoreHTTPSErrors: true });
    const page = await screen.newPage();
    await page.goto('/');
    await page.evaluate(`
      globalThis.heard = 0;
      for (let streams = 0; streams < 20; streams += 1) {
        new EventSource('/count/stream').addEventListener('message', () => { heard += 1; });
      }
    `);
    await eventually(() => page.evaluate('heard')).toBe(20);
    expect(trigger.stats().streams).toBe(20);
    await page.close();
  });
});

it('streams of one process show what was saved in another, and SIGTERM ends both', async () => {
  await using redis = await startRedis();
  const start = () => startApp(SERVER, { REDIS_URL: redis.url, PORT: '0', HOST: '127.0.0.1' });
  await using here = await start();
  await using there = await start();
  expect((await fetch(`${here.url}/healthz`)).status).toBe(200);
  const stream = await openStream(here.url, '/orders/stream');
  expect(await stream.next()).toMatchObject({ data: 'null' });
  await fetch(`${there.url}/orders`, { method: 'POST' });
  expect(await stream.next()).toMatchObject({ data: '1' });
  for (const process of [here, there]) process.signal('SIGTERM');
  // Its process waits for it, and no longer.
  await stream[Symbol.asyncDispose]();
  expect([await here.ended(), await there.ended()]).toEqual([0, 0]);
  expect([here.said, there.said]).toEqual([[], []]);
});

async function expectPush(store: RedisStore): Promise<void> {
  const trigger = new SseTrigger({ store, storeTimeout: 5000 });
  expect(await trigger.push(['orders:1', 'orders:2', 'orders:3'])).toBe(true);
  await trigger.close();
}

it('Redis is found by its Sentinels', async () => {
  await using sentinels = await startSentinels();
  await expectPush(bySentinels(sentinels.options.sentinels));
});

it('Redis may be a Cluster', async () => {
  await using cluster = await startRedisCluster();
  await expectPush(onCluster(cluster.addresses));
});

it('Kubernetes waits longer than the end of a process takes', () => {
  const yaml = read('docs/examples/deployment/kubernetes.yaml');
  const recipe = read('docs/examples/deployment/shutdown.js');
  const numberIn = (text: string, pattern: RegExp) => Number(pattern.exec(text)![1]!.replaceAll('_', ''));
  const grace = 1000 * numberIn(yaml, /terminationGracePeriodSeconds: (\d+)/);
  const preStop = 1000 * numberIn(yaml, /command: \[sleep, '(\d+)'\]/);
  const drain = numberIn(recipe, /drain\(([\d_]+)\)/);
  const requests = numberIn(recipe, /closeAllConnections\(\), ([\d_]+)\)/);
  const lastPushes = 1000; // storeTimeout
  expect(grace).toBeGreaterThan(preStop + drain + requests + lastPushes);
  const probe = /httpGet: \{ path: (\S+), port: (\d+) \}/.exec(yaml)!;
  expect(read('docs/examples/deployment/server.js')).toContain(`app.get('${probe[1]}'`);
  expect(yaml).toContain(`containerPort: ${probe[2]}`);
});
