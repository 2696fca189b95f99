import { describe, it } from 'vitest';
import { holds, timeout } from './holds.ts';
import { live } from './life.ts';
import type { WorldOptions } from './scene.ts';
import { troubledSchedules } from './schedule.ts';

const HOUR = 3_600_000;

describe('the engine in a world where everything fails (C1, C4, C7, D1, D2, D3, P4, P5, S2, S3, S4, S5, S6, S7)', () => {
  it('keeps the guarantee', timeout, () => holds(troubledSchedules, live, 0.6));

  it(
    'keeps it when the clock of one process is an hour slow, and that of another is set back again and again (S8)',
    timeout,
    () => {
      let tokens = 0;
      const newToken: WorldOptions['newToken'] = (process, clock) => () => {
        tokens += 1;
        const time = process === 0 ? clock.now() - HOUR : clock.now() % 1000;
        return `${time}-${tokens}`;
      };
      return holds(troubledSchedules, live, 0.2, { newToken });
    },
  );
});
