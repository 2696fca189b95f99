import fc from 'fast-check';
import { KEYS } from './pages.ts';
import type { Ending, InnerPlan, Plan } from './unit-of-work.ts';

const key = fc.constantFrom(...KEYS);
const ending = fc.constantFrom<Ending>(
  'commit',
  'commit',
  'commit',
  'throw before the commit',
  'throw after the commit',
  'lose the answer',
);

/** What any unit of work does. */
const doing = {
  keys: fc.array(key, { maxLength: 2 }),
  pace: fc.constantFrom(0, 100, 1500),
  ending,
  aside: fc.option(key, { nil: undefined }),
  /** Whether nothing is to be pushed when it threw, as far as that can be meant. */
  drops: fc.boolean(),
};

const innerPlan: fc.Arbitrary<InnerPlan> = fc
  .record({
    ...doing,
    isApart: fc.boolean(),
    outer: fc.constantFrom('waits', 'catches', 'goes on'),
  })
  .map(({ drops, ...inner }) => ({
    ...inner,
    // Who is not waited for has a transaction of its own.
    isApart: inner.isApart || inner.outer === 'goes on',
    inner: undefined,
    onThrow: drops && isUndone(inner) ? 'drop' : 'push',
  }));

/** What a unit of work may do. */
export const plans: fc.Arbitrary<Plan> = fc
  .record({ ...doing, inner: fc.option(innerPlan, { nil: undefined }) })
  .map(({ drops, ...outer }) => {
    const isWhole = outer.inner === undefined || (!outer.inner.isApart && outer.inner.aside === undefined);
    return { ...outer, onThrow: drops && isWhole && isUndone(outer) ? 'drop' : 'push' };
  });

/** Whether nothing of it remains when it threw. */
function isUndone({ ending, aside }: Pick<Plan, 'ending' | 'aside'>): boolean {
  return aside === undefined && (ending === 'commit' || ending === 'throw before the commit');
}
