import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toSubject } from '../src/subject.ts';

/** Everything a subject may be, in the depth of an id with its filters. */
const { subject } = fc.letrec((tie) => ({
  subject: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    // Few values, so that equal ones and nearly equal ones meet.
    fc.constantFrom<unknown>(
      0,
      -0,
      1,
      '1',
      1n,
      true,
      'true',
      '1n',
      '[1]',
      '{"a":1}',
      'a',
      '\uD83D',
      '\uFFFD',
    ),
    fc.oneof(fc.string({ unit: 'binary' }), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.bigInt()),
    fc.array(tie('subject'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', '1', '10', '2', '__proto__', 'é', 'toString'), tie('subject'), {
      maxKeys: 3,
    }),
  ),
}));

it('gives equal texts to equal subjects, and to no others (P7)', () => {
  fc.assert(
    fc.property(subject, subject, (one, other) => {
      fc.pre(isSomebody(one) && isSomebody(other));
      expect(toSubject(one)?.text === toSubject(other)?.text).toBe(isSame(one, other));
    }),
    { numRuns: 2000 },
  );
});

it('tells types apart that print alike (P7)', () => {
  const alike = [1, '1', 1n, '1n', [1], ['1'], '[1]', [[1]], [1, 1], ['1,1'], ['1', '1'], '"1"', { 1: 1 }];
  const more = [
    { 1: '1' },
    '{"1":1}',
    { a: [] },
    { a: {} },
    [],
    {},
    '[]',
    '{}',
    true,
    'true',
    1e21,
    10n ** 21n,
  ];
  const texts = [...alike, ...more].map((value) => toSubject(value)?.text);
  expect(new Set(texts).size).toBe(alike.length + more.length);
});

it('does not look at the order of properties, nor at who made the object', () => {
  fc.assert(
    fc.property(subject, (one) => {
      fc.pre(isSomebody(one));
      const backwards = rebuilt(one);
      expect(toSubject(backwards)?.text).toBe(toSubject(one)?.text);
      expect(toSubject(backwards)?.value).toEqual(toSubject(one)?.value);
    }),
  );
});

it('gives a copy that nobody can change, deeply', () => {
  const given = { id: 1, tags: ['a', { b: 2 }] };
  const made = toSubject(given);
  given.id = 2;
  given.tags.push('c');
  expect(made?.value).toEqual({ id: 1, tags: ['a', { b: 2 }] });
  expect(isDeeplyFrozen(made?.value)).toBe(true);
  expect(Object.isFrozen(given)).toBe(false);
});

it('keeps a property named __proto__ a property', () => {
  const given: unknown = JSON.parse('{"__proto__":{"isAdmin":true},"id":1}');
  const value = toSubject(given)?.value as Record<string, unknown>;
  expect(Object.keys(value)).toEqual(['__proto__', 'id']);
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(value.isAdmin).toBeUndefined();
});

it.each([undefined, null, false, ''])('takes %j for nobody', (answer) => {
  expect(toSubject(answer)).toBeUndefined();
});

it.each([0, -0, 0n, true, ' ', [], {}, Object.create(null)])('takes %s for somebody', (answer) => {
  expect(toSubject(answer)).toBeDefined();
});

describe('what has no plain equality is refused with its place and the mend (P7)', () => {
  class User {
    readonly id = 1;
  }
  const withHole = [1, 2, 3];
  delete withHole[1];
  const hiddenHole = Object.assign([...withHole], { extra: true });
  delete hiddenHole[1];
  const named: [string, unknown, string][] = [
    ['a Map', new Map([[1, 2]]), 'subject is an instance of Map'],
    ['a Set', new Set(), 'subject is an instance of Set'],
    ['a Date', new Date(), 'subject is an instance of Date'],
    ['a class instance', new User(), 'subject is an instance of User'],
    ['an object of another realm', runInNewContext('({ id: 1 })'), 'subject is an instance of Object'],
    ['an object with a made-up prototype', Object.create({ id: 1 }), 'subject is an instance of Object'],
    ['a function', () => {}, 'subject is function'],
    ['a symbol', Symbol('x'), 'subject is symbol'],
    ['NaN', Number.NaN, 'subject is NaN'],
    ['Infinity', Number.POSITIVE_INFINITY, 'subject is Infinity'],
    ['a boxed string', Object('1'), 'subject is an instance of String'],
    ['a Buffer', Buffer.from('1'), 'subject is an instance of Buffer'],
    ['a promise', Promise.resolve(1), 'subject is an instance of Promise'],
    ['a Map further in', { filter: [1, new Map()] }, 'subject.filter[1] is an instance of Map'],
    ['undefined further in', { id: undefined }, 'subject.id is undefined'],
    ['null further in', [null], 'subject[0] is null'],
    ['a symbol for a name', { [Symbol('x')]: 1 }, 'subject is an object with symbols for names'],
    ['a hole', withHole, 'subject is an array with holes'],
    ['a hole beside a property', hiddenHole, 'subject is an array with holes, properties'],
    [
      'an array with a property',
      Object.assign([1], { extra: 1 }),
      'subject is an array with holes, properties',
    ],
    [
      'an array of a class',
      new (class Rows extends Array {})(),
      'subject is an array with holes, properties',
    ],
    ['a long array of nothing', new Array(4_000_000_000), 'subject is an array with holes'],
    ['a cycle', cycle(), 'a cycle, or more than 32 levels'],
    ['33 levels', nested(33), 'a cycle, or more than 32 levels'],
  ];
  it.each(named)('%s', (_, value, message) => {
    expect(() => toSubject(value)).toThrow(TypeError);
    expect(() => toSubject(value)).toThrow(message);
    expect(() => toSubject(value)).toThrow('give the id that tells it apart, or leave the property out');
  });

  it('but not 32 levels', () => {
    expect(toSubject(nested(32))?.text).toHaveLength(65);
  });
});

function isSomebody(value: unknown): boolean {
  return value !== '' && value !== false;
}

/** Equality as a reader of the documentation would define it, without any text. */
function isSame(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object') return one === other;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const names = Object.keys(one as object).sort();
  const otherNames = Object.keys(other as object).sort();
  return (
    names.length === otherNames.length &&
    names.every(
      (name, index) =>
        name === otherNames[index] && isSame(Reflect.get(one!, name), Reflect.get(other!, name)),
    )
  );
}

/** An equal value of other objects: properties the other way round, without a prototype. */
function rebuilt(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(rebuilt);
  const object: object = Object.create(null);
  for (const name of Object.keys(value).reverse()) {
    Object.defineProperty(object, name, { value: rebuilt(Reflect.get(value, name)), enumerable: true });
  }
  return object;
}

function isDeeplyFrozen(value: unknown): boolean {
  return typeof value !== 'object' || (Object.isFrozen(value) && Object.values(value!).every(isDeeplyFrozen));
}

function cycle(): object {
  const list: unknown[] = [];
  list.push({ list });
  return list;
}

/** An array in so many arrays, the innermost with a number in it. */
function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
}
