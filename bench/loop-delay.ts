import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION = 2;

/** How late the event loop of this process was, in milliseconds. */
export interface LoopDelay {
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Measures until what it gives is called. It costs a timer, so not where CPU is measured. */
export function watchLoop(): () => LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION });
  histogram.enable();
  // What is recorded is the time from one timer to the next.
  const beyond = (nanos: number) => Math.max(0, nanos / 1e6 - RESOLUTION);
  return () => {
    histogram.disable();
    return { p99Ms: beyond(histogram.percentile(99)), maxMs: beyond(histogram.max) };
  };
}
