import { relative } from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Life } from './life.ts';
import type { WorldOptions } from './scene.ts';
import type { Schedule } from './schedule.ts';

/** Of all kinds together, of which five in six have every fault: what fits into a minute of CI. `npm run soak` asks for more. */
const SCHEDULES = Number(process.env.SOAK_SCHEDULES ?? 6000);
/** What a failure has told, to see it again. */
const REPLAY = JSON.parse(process.env.SOAK_REPLAY ?? '{}') as { seed?: number; path?: string };

/** Many times what so many schedules take, in milliseconds. */
export const timeout = { timeout: 60_000 + 50 * SCHEDULES };

/**
 * Plays schedules that nobody has played before, as many as are this `part` of all.
 *
 * @throws when one of them violates the guarantee: with the shortest that does, and how to see it again.
 */
export async function holds(
  schedules: fc.Arbitrary<Schedule>,
  life: Life,
  part: number,
  changes?: Partial<WorldOptions>,
): Promise<void> {
  const property = fc.asyncProperty(schedules, async (schedule) => {
    expect((await life(schedule, changes)).violations).toEqual([]);
  });
  const found = await fc.check(property, { numRuns: Math.round(part * SCHEDULES), ...REPLAY });
  if (!found.failed) return;
  const { currentTestName = '', testPath = '' } = expect.getState();
  const replay = JSON.stringify({ seed: found.seed, path: found.counterexamplePath });
  // Of the name what can stand in a pattern.
  const [name] = /[^>(]+(?=( \([^>]*)?$)/.exec(currentTestName) ?? [''];
  const command = `SOAK_REPLAY='${replay}' npm test -- ${relative('', testPath)} -t '${name.trim()}'`;
  const report = `${await fc.asyncDefaultReportMessage(found)}\n\nTo see it again: ${command}`;
  // In a run of an hour, that is long before the end, where it stands again.
  if (process.env.SOAK_SCHEDULES !== undefined) console.error(report);
  throw new Error(report, { cause: found.errorInstance });
}
