import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Few, isMember, membersOf, withMember, withoutMember } from '../src/few.ts';

it('has the members of a Set, in their order', () => {
  const members = Array.from({ length: 4 }, (_, number) => ({ number }));
  const change = fc.record({ add: fc.boolean(), member: fc.constantFrom(...members) });
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      let few: Few<object>;
      const set = new Set<object>();
      for (const { add, member } of changes) {
        few = add ? withMember(few, member) : withoutMember(few, member);
        if (add) set.add(member);
        else set.delete(member);
        expect([...membersOf(few)]).toEqual([...set]);
        for (const any of members) expect(isMember(few, any)).toBe(set.has(any));
        expect(few === undefined).toBe(set.size === 0);
      }
    }),
  );
});
