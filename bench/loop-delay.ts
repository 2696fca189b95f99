import { quantile } from './statistics.ts';

const RESOLUTION = 2;

/** How late the event loop of this process was, in milliseconds. */
export interface LoopDelay {
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Measures until what it gives is called. It costs a timer, so not where CPU is measured. */
export function watchLoop(): () => LoopDelay {
  const delays: number[] = [];
  let last = performance.now();
  const lookNow = () => {
    const time = performance.now();
    delays.push(Math.max(0, time - last - RESOLUTION));
    last = time;
  };
  const timer = setInterval(lookNow, RESOLUTION).unref();
  return () => {
    clearInterval(timer);
    lookNow(); // a stall that has kept the timer up to now counts, too
    return weighByTime(delays, RESOLUTION);
  };
}

/**
 * A delay hides the timers that would have been due within it, each late by what was then left of it. They count as well,
 * or a stall of a second would weigh no more than a punctual moment (coordinated omission; HdrHistogram corrects it alike).
 */
export function weighByTime(delays: readonly number[], interval: number): LoopDelay {
  const weighed = delays.flatMap((delay) =>
    Array.from(
      { length: Math.max(1, Math.ceil(delay / interval)) },
      (_, hidden) => delay - hidden * interval,
    ),
  );
  return { p99Ms: quantile(weighed, 0.99), maxMs: quantile(weighed, 1) };
}
