import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requireKey, requireKeys } from '../src/key.ts';

const good = [
  'a',
  ' ',
  'notifications:7',
  '__proto__',
  'ключ',
  '😀',
  '\u2028',
  'a'.repeat(512),
  'é'.repeat(256),
];

it.each(good)('takes %j', (key) => {
  expect(requireKey(key)).toBe(key);
  expect(requireKeys(key)).toEqual([key]);
});

it('gives one list for one set of keys: sorted, each once', () => {
  const key = fc.constantFrom('a', 'b', 'B', '10', '9', '__proto__', 'é');
  fc.assert(
    fc.property(fc.array(key, { minLength: 1, maxLength: 16 }), fc.nat(), (keys, turn) => {
      const turned = keys.map((_, index) => keys[(index + turn) % keys.length]);
      expect(requireKeys(turned)).toEqual(requireKeys(keys));
      expect(new Set(requireKeys(keys))).toEqual(new Set(keys));
    }),
  );
});

describe('anything else is refused (P7)', () => {
  const bad: [string, unknown, string][] = [
    ['undefined', undefined, 'got undefined'],
    ['null', null, 'a key must be a string such as `notifications:'],
    ['NaN', Number.NaN, 'got NaN'],
    ['a number', 7, 'got 7'],
    ['an object', { id: 1 }, 'got object'],
    ['a symbol', Symbol('x'), 'got symbol'],
    ['a boxed string', Object('a'), 'got object'],
    ['nothing', '', 'a key must have 1 to 512 bytes, got 0'],
    ['513 bytes', 'a'.repeat(513), 'got 513: shorten it, or hash its long part'],
    ['514 bytes of 257 characters', 'é'.repeat(257), 'got 514'],
    ['1 MB', 'a'.repeat(2 ** 20), 'got 1048576'],
    ['a line end', 'a\nb', 'a key must be text without control characters, got "a\\nb"'],
    ['NUL', '\0', 'without control characters'],
    ['U+0085', '\u0085', 'without control characters'],
    ['DEL', '\u007F', 'without control characters'],
    ['a lone surrogate', 'a\uD83D', 'without control characters'],
  ];
  it.each(bad)('%s', (_, key, message) => {
    for (const require of [() => requireKey(key), () => requireKeys(key), () => requireKeys(['a', key])]) {
      expect(require).toThrow(TypeError);
      expect(require).toThrow(message);
    }
  });

  it('a list in a list', () => {
    expect(() => requireKeys([['a']])).toThrow('got an array');
  });

  it('no key, or more than 16', () => {
    expect(() => requireKeys([])).toThrow('key must be one key or 1 to 16 of them, got 0');
    expect(() => requireKeys(new Array(17).fill('a'))).toThrow('got 17');
  });

  it('a hole', () => {
    const keys = ['a', 'b', 'c'];
    delete keys[1];
    expect(() => requireKeys(keys)).toThrow('a key must be a string');
  });
});
