import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { live, liveCalmly } from './life.ts';
import { MUTANTS, type Mutant, mendRules } from './mutants.ts';
import { calmSchedules, troubledSchedules } from './schedule.ts';

/** How many schedules have to be enough: three times what the hardest took in four searches with twenty seeds. */
const SCHEDULES = Number(process.env.MUTANT_SCHEDULES ?? 10_000);
/** How many times each is to be caught, by as many seeds. `npm run soak` asks for more. */
const TIMES = Number(process.env.MUTANT_SEEDS ?? 1);

/** Plays schedules that nobody has played before until one tells the broken engine from the right one; says how many. */
async function schedulesUntilCaught({ breaks, changes, sign, isCalm }: Mutant): Promise<number> {
  breaks?.();
  const [schedules, life] = isCalm ? [calmSchedules, liveCalmly] : [troubledSchedules, live];
  const property = fc.asyncProperty(schedules, async (schedule) => {
    const { violations } = await life(schedule, changes);
    return !violations.some((violation) => sign.test(violation));
  });
  const { failed, numRuns } = await fc.check(property, { numRuns: SCHEDULES, endOnFailure: true });
  mendRules();
  return failed ? numRuns : Number.POSITIVE_INFINITY;
}

describe('the simulation catches an engine in which', () => {
  afterEach(mendRules);

  it.each(MUTANTS)('$name', { timeout: 600_000 * TIMES }, async (mutant) => {
    const needed: number[] = [];
    while (needed.length < TIMES) needed.push(await schedulesUntilCaught(mutant));
    if (TIMES > 1)
      console.log(`caught: ${mutant.name}: ${needed.sort((one, other) => one - other).join(' ')}`);
    expect(Math.max(...needed)).toBeLessThanOrEqual(SCHEDULES);
  });
});
