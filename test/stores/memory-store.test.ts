import { expect, it } from 'vitest';
import { BoundedMap, memoryStore } from '../../src/stores/memory-store.ts';
import { soon, storeConformance } from './conformance.ts';

storeConformance('memoryStore', [], () => {
  const store = memoryStore();
  return { store, another: () => store };
});

it('shares nothing with another memory store', async () => {
  const [one, two] = [memoryStore(), memoryStore()];
  await one.write(new Map([['a', '1-a']]), soon());
  expect(await two.read(['a'], soon())).toEqual([undefined]);
});

it('forgets what was written longest ago when it is full', () => {
  const map = new BoundedMap<string, number>(2);
  map.set('a', 1).set('b', 2).set('b', 3);
  expect([...map.keys()]).toEqual(['a', 'b']);
  map.set('a', 4).set('c', 5);
  expect([...map]).toEqual([
    ['a', 4],
    ['c', 5],
  ]);
});
