import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Linked, LinkedList } from '../src/linked-list.ts';

interface Member extends Linked<Member> {
  readonly number: number;
}

it('has its members in the order in which they were last appended', () => {
  const change = fc.record({ append: fc.boolean(), number: fc.nat({ max: 4 }) });
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const list = new LinkedList<Member>();
      const members = new Map<number, Member>();
      for (const { append, number } of changes) {
        const known = members.get(number);
        members.delete(number);
        if (known !== undefined) list.remove(known);
        if (!append) continue;
        const member = known ?? { number, previous: undefined, next: undefined };
        members.set(number, member);
        list.append(member);
      }
      const forwards: number[] = [];
      for (let member = list.first; member !== undefined; member = member.next) forwards.push(member.number);
      expect(forwards).toEqual([...members.keys()]);
      const last = [...members.values()].at(-1);
      const backwards: number[] = [];
      for (let member = last; member !== undefined; member = member.previous)
        backwards.unshift(member.number);
      expect(backwards).toEqual(forwards);
    }),
  );
});
