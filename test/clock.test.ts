import { execFile } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
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

  it('keeps no process alive, whether its timers are stopped before or after they were due', async () => {
    const clock = fileURLToPath(new URL('../dist/clock.js', import.meta.url));
    const script = `
      const { systemClock } = await import(${JSON.stringify(clock)});
      systemClock.after(1_000_000, () => {})();
      systemClock.after(1_000_000, () => {});
      const stop = systemClock.after(1, () => {});
      const stopItself = systemClock.after(1, () => stopItself());
      systemClock.after(20, () => stop(), { hold: true });`;
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 10_000 });
  });
});
