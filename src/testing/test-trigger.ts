import type { Clock } from '../clock.ts';
import { SseTrigger, type SseTriggerOptions, SURROUNDINGS } from '../trigger.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface TestTriggerOptions extends SseTriggerOptions {
  /** By which the trigger and its streams measure time. Several triggers may share one. */
  clock: VirtualClock;
  /** Gives numbers from 0 to 1, which jitters and pauses are made of. @defaultValue 0.5 always: no jitter, and middling pauses */
  random?: (() => number) | undefined;
}

/**
 * An SseTrigger for which time passes only when the test says so: polls, deadlines, heartbeats, retries and lifetimes. The
 * store's own time, such as a version's `ttl`, and what `data` waits for are as ever.
 *
 * @throws TypeError as SseTrigger does.
 */
export function testTrigger<K extends string = string>(options: TestTriggerOptions): SseTrigger<K> {
  const { clock, random = () => 0.5, ...others } = options ?? {};
  if (!(clock instanceof VirtualClock)) {
    throw new TypeError('testTrigger needs a clock: testTrigger({ clock: new VirtualClock() })');
  }
  // Streams that open one after the other need no time between them either.
  const surroundings = { clock: runningAtOnce(clock), random, pause: 0 };
  return new SseTrigger<K>({ ...others, [SURROUNDINGS]: surroundings });
}

/** What is to be done without delay waits for no time to pass. */
function runningAtOnce(clock: VirtualClock): Clock {
  return {
    now: () => clock.now(),
    after(delay, run) {
      const stop = clock.after(delay, run);
      if (delay === 0) setImmediate(() => clock.advance(0));
      return stop;
    },
  };
}
