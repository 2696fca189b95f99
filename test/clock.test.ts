import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../src/clock.ts';

afterEach(() => void vi.useRealTimers());

describe('the clock of the system', () => {
  it('counts whole milliseconds', async () => {
    for (let turn = 0; turn < 20; turn += 1) {
      expect(Number.isInteger(systemClock.now())).toBe(true);
      await setImmediate();
    }
  });

  it('does with a delay of 0 what comes next, without a timer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const done: string[] = [];
    systemClock.after(1, () => done.push('later'));
    systemClock.after(0, () => done.push('next'));
    const stop = systemClock.after(0, () => done.push('stopped'));
    stop();
    expect(done).toEqual([]);
    await setImmediate();
    expect(done).toEqual(['next']);
    vi.advanceTimersByTime(1);
    expect(done).toEqual(['next', 'later']);
  });
});
