import { metrics as openTelemetry } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import express from 'express';
import { Redis } from 'ioredis';
import { type SseTrigger, streamSse } from 'sse-trigger';
import { RedisStore } from 'sse-trigger/redis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { measured } from '../../docs/examples/operating/application.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type Served, serve } from '../support/serve.ts';
import { openStream } from '../support/stream-client.ts';
import { until } from '../support/until.ts';
import { read } from './pages.ts';

/** Collects when the test asks for it. */
class OnDemandReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

let redisServer: RedisServer;
let redis: Redis;
let trigger: SseTrigger;
let served: Served;
let broken = false;
const reader = new OnDemandReader();
const logged: object[] = [];

beforeAll(async () => {
  openTelemetry.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  redisServer = await startRedis();
  redis = new Redis(redisServer.port, { lazyConnect: true });
  const app = express();
  const log = { warn: (fields: object, message: string) => logged.push({ ...fields, message }) };
  trigger = measured(app, { store: new RedisStore(redis), poll: 100 }, log);
  app.get('/ticker', streamSse(trigger, { key: 'ticker', data: readTicker, throttle: 0 }));
  served = await serve(app);
});

afterAll(async () => {
  await trigger.close();
  await served[Symbol.asyncDispose]();
  redis.disconnect();
  await redisServer.stop();
  openTelemetry.disable();
});

function readTicker(): number {
  if (broken) throw new Error('no ticker');
  return 1;
}

/** What Prometheus would get, by series. */
async function scrape(): Promise<Record<string, number>> {
  const text = await (await fetch(`${served.url}/metrics`)).text();
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

/** What OpenTelemetry would get, by instrument. */
async function collect(): Promise<Record<string, unknown>> {
  const { resourceMetrics } = await reader.collect();
  const all = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
  return Object.fromEntries(all.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints]));
}

it('counts for Prometheus and OpenTelemetry what a trigger does, once however often it is asked', async () => {
  await using stream = await openStream(served.url, '/ticker');
  await stream.next();
  await scrape();
  expect(await scrape()).toMatchObject({
    sse_trigger_streams: 1,
    sse_trigger_keys: 1,
    sse_trigger_unsent: 0,
    sse_trigger_store_down: 0,
    sse_trigger_runs_total: 1,
    sse_trigger_failures_total: 0,
    sse_trigger_ask_failures_total: 0,
    sse_trigger_frames_total: 1,
    'sse_trigger_closed_total{reason="client"}': 0,
    'sse_trigger_run_seconds_count{route="/ticker",outcome="done"}': 1,
  });
  await collect();
  expect(await collect()).toMatchObject({
    'sse_trigger.streams': [{ value: 1 }],
    'sse_trigger.store_down': [{ value: 0 }],
    'sse_trigger.runs': [{ value: 1 }],
    'sse_trigger.ask_failures': [{ value: 0 }],
    'sse_trigger.frames': [{ value: 1 }],
    'sse_trigger.closed': expect.arrayContaining([
      expect.objectContaining({ attributes: { reason: 'client' }, value: 0 }),
    ]),
  });
});

it('knows what only grows from what goes up and down', async () => {
  const text = await (await fetch(`${served.url}/metrics`)).text();
  const types = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => ({ name: name!, type }));
  const growing = types.filter(({ type }) => type === 'counter').map(({ name }) => name);
  expect(growing).toEqual(types.map(({ name }) => name).filter((name) => name.endsWith('_total')));
  const gauges = types
    .filter(({ type }) => type === 'gauge')
    .map(({ name }) => name.replace('sse_trigger_', ''));
  expect(gauges).toEqual(['streams', 'keys', 'unsent', 'store_down']);
  const { resourceMetrics } = await reader.collect();
  const falling = resourceMetrics.scopeMetrics
    .flatMap(({ metrics }) => metrics)
    .filter((metric) => !('isMonotonic' in metric) || !metric.isMonotonic)
    .map(({ descriptor }) => descriptor.name.replace('sse_trigger.', ''));
  expect(falling.sort()).toEqual(gauges.sort());
});

it('shows everything that stats() has, but for its words', async () => {
  const { storeError, storeDown, ...numbers } = trigger.stats();
  expect([storeError, storeDown]).toEqual([undefined, false]);
  const series = Object.keys(await scrape()).join('\n');
  for (const [name, value] of Object.entries(numbers)) {
    expect(series).toContain(`sse_trigger_${name.replace(/[A-Z]/g, '_$&').toLowerCase()}`);
    if (typeof value === 'object') {
      for (const reason of Object.keys(value)) {
        expect(series).toContain(`sse_trigger_${name}_total{reason="${reason}"}`);
      }
    }
  }
});

it('counts and logs what onError is told, and a stream that was left', async () => {
  broken = true;
  const stream = await openStream(served.url, '/ticker?another');
  await until(() => logged.length > 0);
  await stream[Symbol.asyncDispose]();
  await until(() => trigger.stats().streams === 0);
  broken = false;
  expect(logged[0]).toMatchObject({ code: 'data_failed', route: '/ticker', cause: new Error('no ticker') });
  const series = await scrape();
  expect(series['sse_trigger_errors_total{code="data_failed"}']).toBeGreaterThan(0);
  expect(series['sse_trigger_closed_total{reason="client"}']).toBeGreaterThan(0);
  expect(series['sse_trigger_run_seconds_count{route="/ticker",outcome="failed"}']).toBeGreaterThan(0);
});

it('shows that the store is down, and stays alive', async () => {
  await using stream = await openStream(served.url, '/ticker');
  await stream.next();
  await redisServer.kill();
  await until(async () => (await scrape()).sse_trigger_store_down === 1);
  expect(await trigger.push('ticker')).toBe(false);
  expect(await scrape()).toMatchObject({ sse_trigger_unsent: 1, sse_trigger_streams: 1 });
  await stream[Symbol.asyncDispose]();
  await until(() => trigger.stats().streams === 0);
  expect(await scrape()).toMatchObject({ sse_trigger_unsent: 1, sse_trigger_store_down: 1 });
  expect((await fetch(`${served.url}/live`)).status).toBe(204);
});

it('alerts on nothing but what is there', async () => {
  const series = Object.keys(await scrape());
  const alerts = read('docs/examples/operating/alerts.yml').replaceAll(/#.*$/gm, '');
  const names = [...alerts.matchAll(/sse_trigger_\w+/g)].map(([name]) => name);
  expect(names.length).toBeGreaterThan(5);
  expect(names.filter((name) => !series.some((one) => one.split('{')[0] === name))).toEqual([]);
  const values = [...alerts.matchAll(/(code|reason)=~?"([^"]+)"/g)].flatMap(([, label, all]) =>
    all!.split('|').map((value) => `${label}="${value}"`),
  );
  expect(values.filter((value) => !series.some((one) => one.includes(value)))).toEqual([]);
});
