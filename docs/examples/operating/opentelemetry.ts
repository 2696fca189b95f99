import { metrics } from '@opentelemetry/api';
import type { SseTrigger } from 'sse-trigger';

const LEVELS = ['streams', 'keys', 'unsent'] as const;
const COUNTERS = [
  'checks', 'runs', 'failures', 'asks', 'askFailures', 'frames', 'bytes', 'heartbeats', 'resumed', 'conflated',
] as const;
const REASONS = ['refused', 'closed'] as const;
const snake = (name: string) => name.replace(/[A-Z]/g, '_$&').toLowerCase();

/** To be called when the meter provider is set. */
export function observe(trigger: Pick<SseTrigger, 'stats'>): void {
  const meter = metrics.getMeter('sse-trigger');
  const levels = LEVELS.map((name) => [name, meter.createObservableUpDownCounter(`sse_trigger.${name}`)] as const);
  const counters = COUNTERS.map((name) => [name, meter.createObservableCounter(`sse_trigger.${snake(name)}`)] as const);
  const reasons = REASONS.map((name) => [name, meter.createObservableCounter(`sse_trigger.${name}`)] as const);
  const down = meter.createObservableGauge('sse_trigger.store_down');
  const instruments = [...levels, ...counters, ...reasons].map(([, instrument]) => instrument);
  meter.addBatchObservableCallback((result) => {
    const stats = trigger.stats();
    for (const [name, instrument] of [...levels, ...counters]) result.observe(instrument, stats[name]);
    for (const [name, instrument] of reasons) {
      for (const [reason, count] of Object.entries(stats[name])) result.observe(instrument, count, { reason });
    }
    result.observe(down, Number(stats.storeDown));
  }, [...instruments, down]);
}
