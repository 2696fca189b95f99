import { describe, it } from 'vitest';
import { holds, timeout } from './holds.ts';
import { live } from './life.ts';
import type { WorldOptions } from './scene.ts';
import { troubledSchedules } from './schedule.ts';

const HOUR = 3_600_000;

// A file of its own, so that it can be played beside the other half of the schedules.
describe('the engine in a world where everything fails, and clocks are wrong (S8)', () => {
  it(
    'keeps the guarantee when the clock of one process is an hour slow, and that of another is set back again and again',
    timeout,
    () => {
      let tokens = 0;
      const newToken: WorldOptions['newToken'] = (process, clock) => () => {
        tokens += 1;
        const time = process === 0 ? clock.now() - HOUR : clock.now() % 1000;
        return `${time}-${tokens}`;
      };
      return holds(troubledSchedules, live, 5 / 12, { newToken });
    },
  );
});
