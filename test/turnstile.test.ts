import { expect, it } from 'vitest';
import { Turnstile } from '../src/turnstile.ts';
import { settled, VirtualClock } from './support/virtual-clock.ts';

/** A crowd that comes at once, and who of it has passed so far. */
function crowd(turnstile: Turnstile, size: number): number[] {
  const passed: number[] = [];
  for (let index = 0; index < size; index += 1) {
    void turnstile.pass().then(() => passed.push(index));
  }
  return passed;
}

it('lets a few pass at once', async () => {
  const passed = crowd(new Turnstile(new VirtualClock()), 100);
  await settled();
  expect(passed).toHaveLength(100);
});

it('lets a crowd pass in slices, in the order in which it came', async () => {
  const clock = new VirtualClock();
  const slices: number[] = [];
  const turnstile = new Turnstile(clock);
  const passed = crowd(turnstile, 250);
  await settled();
  slices.push(passed.length);
  // Whoever came meanwhile has a turn between two slices.
  clock.after(0, () => slices.push(passed.length));
  await clock.advance(0);
  expect(slices).toEqual([100, 200]);
  expect(passed).toEqual(Array.from({ length: 250 }, (_, index) => index));
});

it('lets nobody overtake those who wait', async () => {
  const clock = new VirtualClock();
  const turnstile = new Turnstile(clock);
  const first = crowd(turnstile, 250);
  const late: number[] = [];
  // Between two slices.
  clock.after(0, () => void turnstile.pass().then(() => late.push(first.length)));
  await clock.advance(0);
  expect(late).toEqual([250]);
});

it('lets a few pass at once again when the crowd is through, and then leaves no timer', async () => {
  const clock = new VirtualClock();
  const turnstile = new Turnstile(clock);
  crowd(turnstile, 250);
  await clock.advance(0);
  expect(clock.pending).toBe(0);
  const passed = crowd(turnstile, 100);
  await settled();
  expect(passed).toHaveLength(100);
});
