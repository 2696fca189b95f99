import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calmSchedules, live, liveCalmly, type Schedule, troubledSchedules } from './schedule.ts';
import type { World, WorldOptions } from './world.ts';

/** `npm run soak` asks for more. */
const TROUBLED = Number(process.env.SOAK_SCHEDULES ?? 8000);
const OTHERS = Math.ceil(TROUBLED / 3);
/** What a failure has told, to see it again. */
const REPLAY = JSON.parse(process.env.SOAK_REPLAY ?? '{}') as { seed?: number; path?: string };
/** Many times what a schedule takes, in milliseconds. */
const timeout = { timeout: 30_000 + 10 * TROUBLED };

async function holds(
  schedules: fc.Arbitrary<Schedule>,
  liveThrough: (schedule: Schedule, changes?: Partial<WorldOptions>) => Promise<World>,
  numRuns: number,
  changes?: Partial<WorldOptions>,
): Promise<void> {
  const property = fc.asyncProperty(schedules, async (schedule) => {
    expect((await liveThrough(schedule, changes)).violations).toEqual([]);
  });
  const found = await fc.check(property, { numRuns, ...REPLAY });
  if (!found.failed) return;
  const replay = JSON.stringify({ seed: found.seed, path: found.counterexamplePath });
  // Of the name what can stand in a pattern.
  const [name] = /[^>(]+(?=( \([^>]*)?$)/.exec(expect.getState().currentTestName ?? '') ?? [''];
  const command = `SOAK_REPLAY='${replay}' npm test -- test/simulation/simulation.test.ts -t '${name.trim()}'`;
  throw new Error(`${await fc.asyncDefaultReportMessage(found)}\n\nTo see it again: ${command}`, {
    cause: found.errorInstance,
  });
}

describe('the engine in a world where everything fails (C1, C7, D1, D2, D3, P4, P5, S2, S4, S5, S7)', () => {
  it('keeps the guarantee', timeout, () => holds(troubledSchedules, live, TROUBLED));

  it(
    'keeps it when the clock of one process is an hour slow, and that of another is set back again and again (S8)',
    timeout,
    () => {
      const HOUR = 3_600_000;
      let tokens = 0;
      const newToken: WorldOptions['newToken'] = (process, clock) => () => {
        tokens += 1;
        const time = process === 0 ? clock.now() - HOUR : clock.now() % 1000;
        return `${time}-${tokens}`;
      };
      return holds(troubledSchedules, live, OTHERS, { newToken });
    },
  );
});

describe('the engine in a world where nothing fails', () => {
  it(
    'runs a callback at most twice for a push: once for it, and once more for what came meanwhile',
    timeout,
    () => holds(calmSchedules, liveCalmly, OTHERS),
  );
});
