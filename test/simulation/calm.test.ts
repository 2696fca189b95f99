import { describe, it } from 'vitest';
import { holds, timeout } from './holds.ts';
import { liveCalmly } from './life.ts';
import { calmSchedules } from './schedule.ts';

describe('the engine in a world where nothing fails', () => {
  it(
    'keeps the guarantee, and runs a callback at most twice for a push: once for it, and once more for what came meanwhile',
    timeout,
    () => holds(calmSchedules, liveCalmly, 1 / 6),
  );
});
