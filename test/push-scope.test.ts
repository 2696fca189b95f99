import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SseTrigger } from '../src/index.ts';
import { deferred } from './support/deferred.ts';
import { RecordingStore } from './support/recording-store.ts';

let store: RecordingStore;
let trigger: SseTrigger;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  store = new RecordingStore();
  trigger = new SseTrigger({ store });
});

afterEach(async () => {
  vi.useRealTimers();
  await trigger.close();
});

/** Waits for what was pushed, and gives the keys of each write. */
async function written(): Promise<string[][]> {
  await trigger.push('last');
  const writes = store.writes.splice(0).map((keys) => keys.filter((key) => key !== 'last'));
  return writes.filter((keys) => keys.length > 0);
}

describe('a unit of work', () => {
  it('takes pushes over at once, and has them go out after it, each key once', async () => {
    await trigger.pushAfter(async () => {
      expect(await trigger.push('b')).toBe(true);
      expect(await trigger.push(['a', 'b'])).toBe(true);
      await new Promise(setImmediate);
      expect(await trigger.push('b')).toBe(true);
      expect(store.writes).toEqual([]);
    });
    expect(await written()).toEqual([['b', 'a']]);
  });

  it('takes pushes over while the store is down, and tells of the failure afterwards', async () => {
    const onError = vi.fn();
    store.failure = new Error('down');
    await using failing = new SseTrigger({ store, onError });
    await failing.pushAfter(async () => {
      expect(await failing.push('a')).toBe(true);
      expect(onError).not.toHaveBeenCalled();
    });
    expect(await failing.push('b')).toBe(false);
    expect(onError).toHaveBeenCalledWith(expect.objectContaining({ code: 'write_failed' }));
    store.failure = undefined;
    await failing.close();
    expect(store.writes.flat()).toEqual(['a', 'b']);
  });

  it('gives what the work gives, async or not', async () => {
    expect(await trigger.pushAfter(() => 7)).toBe(7);
    expect(await trigger.pushAfter(async () => 'seven')).toBe('seven');
    expect(await written()).toEqual([]);
  });

  it('takes over pushes of work that begins only when it is awaited, as a query builder does', async () => {
    class Query implements PromiseLike<number> {
      readonly #result: Promise<number>;

      constructor(result: Promise<number>) {
        this.#result = result;
      }

      // biome-ignore lint/suspicious/noThenProperty: that is the point
      then: PromiseLike<number>['then'] = (...settled) => {
        trigger.push('a');
        return this.#result.then(...settled);
      };
    }
    expect(await trigger.pushAfter(() => new Query(Promise.resolve(7)))).toBe(7);
    expect(await written()).toEqual([['a']]);
    const rolledBack = new Error('rolled back');
    const failing = trigger.pushAfter(() => new Query(Promise.reject(rolledBack)), { onThrow: 'drop' });
    await expect(failing).rejects.toBe(rolledBack);
    expect(await written()).toEqual([]);
  });

  it('refuses a push that is misuse where it happens', async () => {
    await expect(trigger.pushAfter(() => trigger.push(''))).rejects.toThrow('a key must have 1 to 512 bytes');
    expect(await written()).toEqual([]);
  });

  it('does not mix with another one at the same time, nor with pushes outside', async () => {
    const [one, other] = [deferred(), deferred()];
    const units = [one, other].map((end, unit) =>
      trigger.pushAfter(async () => {
        await trigger.push(`unit ${unit}`);
        await end.promise;
        await trigger.push('shared');
      }),
    );
    await trigger.push('outside');
    expect(store.writes.splice(0)).toEqual([['outside']]);
    other.resolve();
    await units[1];
    expect(await written()).toEqual([['unit 1', 'shared']]);
    one.resolve();
    await units[0];
    expect(await written()).toEqual([['unit 0', 'shared']]);
  });

  it('belongs to one trigger', async () => {
    const elsewhere = new RecordingStore();
    await using another = new SseTrigger({ store: elsewhere });
    await trigger.pushAfter(async () => {
      await another.push('there');
      expect(elsewhere.writes).toEqual([['there']]);
    });
    expect(await written()).toEqual([]);
  });

  it('has a push that comes after its end go out at once', async () => {
    const over = deferred();
    let late: Promise<boolean> | undefined;
    await trigger.pushAfter(async () => {
      late = over.promise.then(() => trigger.push('late'));
    });
    over.resolve();
    expect(await late).toBe(true);
    expect(store.writes).toEqual([['late']]);
  });
});

describe('a unit in a unit', () => {
  it('hands its keys to the outer one', async () => {
    await trigger.pushAfter(async () => {
      await trigger.push('outer');
      await trigger.pushAfter(() => trigger.push('inner'));
      expect(store.writes).toEqual([]);
      await trigger.push('inner');
    });
    expect(await written()).toEqual([['outer', 'inner']]);
  });

  it('pushes by itself when the outer one has ended before', async () => {
    const inner = deferred();
    let ended: Promise<unknown> | undefined;
    await trigger.pushAfter(async () => {
      ended = trigger.pushAfter(async () => {
        await trigger.push('inner');
        await inner.promise;
        await trigger.push('later');
      });
    });
    expect(await written()).toEqual([]);
    inner.resolve();
    await ended;
    expect(await written()).toEqual([['inner', 'later']]);
  });

  it('that ended hands late pushes to the outer one, which goes on', async () => {
    const over = deferred();
    let late: Promise<boolean> | undefined;
    await trigger.pushAfter(async () => {
      await trigger.pushAfter(async () => {
        late = over.promise.then(() => trigger.push('late'));
      });
      over.resolve();
      expect(await late).toBe(true);
      expect(store.writes).toEqual([]);
    });
    expect(await written()).toEqual([['late']]);
  });
});

describe('work that throws', () => {
  const lost = new Error('the answer to COMMIT was lost');

  function fail(key: string) {
    return async () => {
      await trigger.push(key);
      throw lost;
    };
  }

  it('has its error come out, and its keys pushed at once and again 5 s later', async () => {
    await expect(trigger.pushAfter(fail('a'))).rejects.toBe(lost);
    expect(await written()).toEqual([['a']]);
    await vi.advanceTimersByTimeAsync(4999);
    expect(store.writes).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(store.writes).toEqual([['a']]);
    await vi.advanceTimersByTimeAsync(60_000);
    vi.useRealTimers();
    await trigger.close();
    expect(store.writes).toEqual([['a']]);
  });

  it('is pushed the second time by close', async () => {
    await expect(trigger.pushAfter(fail('a'))).rejects.toBe(lost);
    expect(await written()).toEqual([['a']]);
    vi.useRealTimers();
    await trigger.close();
    expect(store.writes).toEqual([['a']]);
  });

  it('pushes nothing with drop', async () => {
    await expect(trigger.pushAfter(fail('a'), { onThrow: 'drop' })).rejects.toBe(lost);
    await vi.advanceTimersByTimeAsync(5000);
    expect(await written()).toEqual([]);
  });

  it('and pushed nothing, pushes nothing', async () => {
    await expect(trigger.pushAfter(() => Promise.reject(lost))).rejects.toBe(lost);
    await vi.advanceTimersByTimeAsync(5000);
    expect(await written()).toEqual([]);
  });

  it('in a unit whose outer one lived on is pushed twice with it', async () => {
    await trigger.pushAfter(async () => {
      await trigger.push('outer');
      await trigger.pushAfter(fail('inner')).catch(() => {});
    });
    expect(await written()).toEqual([['outer', 'inner']]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(store.writes).toEqual([['outer', 'inner']]);
  });

  it('drops what an inner one pushed as well as its own', async () => {
    const outer = trigger.pushAfter(
      async () => {
        await trigger.pushAfter(() => trigger.push('inner'));
        throw lost;
      },
      { onThrow: 'drop' },
    );
    await expect(outer).rejects.toBe(lost);
    expect(await written()).toEqual([]);
  });

  it('and dropped its keys leaves those of the outer one', async () => {
    await trigger.pushAfter(async () => {
      await trigger.push('outer');
      await trigger.pushAfter(fail('inner'), { onThrow: 'drop' }).catch(() => {});
    });
    expect(await written()).toEqual([['outer']]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(store.writes).toEqual([]);
  });

  it('before its first await is like any other', async () => {
    const work = () => {
      void trigger.push('a');
      throw lost;
    };
    await expect(trigger.pushAfter(work)).rejects.toBe(lost);
    expect(await written()).toEqual([['a']]);
  });
});

it.each([
  [7, {}, 'work must be a function: pushAfter(() => doSomething())'],
  [Promise.resolve(), {}, 'work must be a function'],
  [() => {}, { onThrow: 'ignore' }, "onThrow must be 'push' or 'drop'"],
])('is misuse: %s, %j', async (work, options, message) => {
  const misuse = trigger.pushAfter(work as () => void, options as object);
  await expect(misuse).rejects.toThrow(TypeError);
  await expect(misuse).rejects.toThrow(message);
});
