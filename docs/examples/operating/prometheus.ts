import { subscribe } from 'node:diagnostics_channel';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { RunMessage, SseTrigger, SseTriggerError, SseTriggerErrorCode } from 'sse-trigger';

const GAUGES = ['streams', 'keys', 'unsent'] as const;
const COUNTERS = [
  'checks', 'runs', 'failures', 'asks', 'askFailures', 'frames', 'bytes', 'heartbeats', 'resumed', 'conflated',
] as const;
const REASONS = ['refused', 'closed'] as const;
const snake = (name: string) => name.replace(/[A-Z]/g, '_$&').toLowerCase();

/** Read when Prometheus asks, so that nothing is counted twice. */
export function exposeStats(trigger: Pick<SseTrigger, 'stats'>, registry: Registry): void {
  const common = (name: string) => ({ name: `sse_trigger_${name}`, help: 'See stats()', registers: [registry] });
  for (const name of GAUGES) {
    new Gauge({ ...common(name), collect() { this.set(trigger.stats()[name]); } });
  }
  new Gauge({ ...common('store_down'), collect() { this.set(Number(trigger.stats().storeDown)); } });
  for (const name of COUNTERS) {
    new Counter({
      ...common(`${snake(name)}_total`),
      collect() {
        this.reset();
        this.inc(trigger.stats()[name]);
      },
    });
  }
  for (const name of REASONS) {
    new Counter({
      ...common(`${name}_total`),
      labelNames: ['reason'],
      collect() {
        this.reset();
        for (const [reason, count] of Object.entries(trigger.stats()[name])) this.inc({ reason }, count);
      },
    });
  }
}

/** A counter whose first value is 1 shows no increase, so those that alerts wait for begin at 0. */
const AWAITED = [
  'authorize_failed', 'authorize_timeout', 'key_unreadable', 'listen_failed', 'mapping_failed', 'rows_unknown', 'source_failed',
  'unsent_full',
] as const satisfies readonly SseTriggerErrorCode[];

/** For `new SseTrigger({ onError })`. */
export function countErrors(registry: Registry): (error: SseTriggerError) => void {
  const name = 'sse_trigger_errors_total';
  const errors = new Counter({ name, help: 'What onError was told', labelNames: ['code'], registers: [registry] });
  for (const code of AWAITED) errors.inc({ code }, 0);
  return ({ code }) => errors.inc({ code });
}

export function timeRuns(registry: Registry): void {
  const runs = new Histogram({
    name: 'sse_trigger_run_seconds',
    help: 'How long calls of data took',
    labelNames: ['route', 'outcome'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  });
  subscribe('sse-trigger:run', (message) => {
    const { route, outcome, durationMs } = message as RunMessage;
    runs.observe({ route, outcome }, durationMs / 1000);
  });
}
