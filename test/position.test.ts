import fc from 'fast-check';
import { expect, it } from 'vitest';
import { joinPositions, splitPositions, toPosition } from '../src/position.ts';

const position = fc.option(
  fc.string().map((text) => toPosition([text])),
  { nil: undefined },
);

it('reads back what it wrote', () => {
  fc.assert(
    fc.property(fc.array(position, { minLength: 1, maxLength: 10 }), (positions) => {
      expect(splitPositions(joinPositions(positions), positions.length)).toEqual(positions);
    }),
  );
});

it('is 11 characters that differ with any part', () => {
  const parts = fc.array(fc.oneof(fc.string({ maxLength: 2 }), fc.array(fc.string({ maxLength: 1 }))));
  fc.assert(
    fc.property(parts, parts, (one, other) => {
      expect(toPosition(one)).toMatch(/^[\w-]{11}$/);
      expect(toPosition(one) === toPosition(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
    }),
  );
});

const mine = toPosition([1]);
it.each([
  ['nothing', undefined, [undefined, undefined]],
  ['an empty id', '', [undefined, undefined]],
  ['two positions', `${mine}.${mine}`, [mine, mine]],
  ['the second only', `-.${mine}`, [undefined, mine]],
  ['one too few', mine, [undefined, undefined]],
  ['one too many', `${mine}.${mine}.${mine}`, [undefined, undefined]],
  ['a foreign id', '4711', [undefined, undefined]],
  ['a foreign part', `4711.${mine}`, [undefined, mine]],
  ['a part of 12 characters', `${mine}x.-`, [undefined, undefined]],
  ['a part with a line end', `${mine}\n.-`, [undefined, undefined]],
  ['dots', '...........', [undefined, undefined]],
  ['1 MB', `${mine}.`.repeat(87_382), [undefined, undefined]],
  ['a header sent twice', [mine, mine], [undefined, undefined]],
  ['a number', 5, [undefined, undefined]],
])('of a Last-Event-ID that is %s believes its own form only', (_, id, expected) => {
  expect(splitPositions(id, 2)).toEqual(expected);
});

it('never throws, and never gives what is no position', () => {
  fc.assert(
    fc.property(fc.anything(), fc.integer({ min: 1, max: 10 }), (id, feeds) => {
      const positions = splitPositions(id, feeds);
      expect(positions).toHaveLength(feeds);
      for (const part of positions) if (part !== undefined) expect(part).toMatch(/^[\w-]{11}$/);
    }),
  );
});
