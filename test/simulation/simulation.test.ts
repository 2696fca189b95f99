import { describe, it } from 'vitest';
import { holds, timeout } from './holds.ts';
import { live } from './life.ts';
import { troubledSchedules } from './schedule.ts';

describe('the engine in a world where everything fails (C1, C4, C7, D1, D2, D3, P4, P5, S2, S3, S4, S5, S6, S7)', () => {
  it('keeps the guarantee', timeout, () => holds(troubledSchedules, live, 5 / 12));
});
