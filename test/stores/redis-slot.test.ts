import { expect, it } from 'vitest';
import { slotOf } from '../../src/stores/redis-slot.ts';

// What CLUSTER KEYSLOT of Redis 7.0 says.
it.each([
  ['', 0],
  ['123456789', 12739],
  ['sse:a', 3263],
  ['sse:notifications:42', 6796],
  ['{sse}:a', 8273],
  ['a{b}c', 3300],
  ['a{}b{c}', 7353],
  ['{}{a}', 13650],
  ['a{{b}}c', 6215],
  ['a}b{c', 13587],
  ['a{b', 13340],
  ['größe 日本語 🙂', 14766],
  ['x'.repeat(512), 3103],
])('finds the slot of %j', (key, slot) => {
  expect(slotOf(key)).toBe(slot);
});
