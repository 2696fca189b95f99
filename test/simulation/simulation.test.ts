import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calmSchedules, live, liveCalmly, troubledSchedules } from './schedule.ts';

const numRuns = 2000;

describe('the engine in a world where everything fails', () => {
  it('keeps the guarantee', async () => {
    await fc.assert(
      fc.asyncProperty(troubledSchedules, async (schedule) => {
        expect((await live(schedule)).violations).toEqual([]);
      }),
      { numRuns },
    );
  });
});

describe('the engine in a world where nothing fails', () => {
  it('runs a callback at most twice for a push: once for it, and once more for what came meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(calmSchedules, async (schedule) => {
        expect((await liveCalmly(schedule)).violations).toEqual([]);
      }),
      { numRuns },
    );
  });
});
