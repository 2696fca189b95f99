import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from './clock.ts';
import { Engine } from './engine.ts';
import type { SseTriggerError } from './errors.ts';
import { requireKey } from './key.ts';
import { requireCount, requireFunction, requireKnown, requireMs } from './option-checks.ts';
import { type OnThrow, PushScopes } from './push-scope.ts';
import type { Stats } from './stats.ts';
import type { Store } from './store.ts';
import { memoryStore } from './stores/memory-store.ts';

export interface SseTriggerOptions {
  /** Where versions are kept. @defaultValue in the memory of this process, which serves one process only */
  store?: Store | undefined;
  /** Milliseconds between two looks at the watched keys, ±10 %. @defaultValue 2000 */
  poll?: number | undefined;
  /** Milliseconds that the store has for all of a look, or for a push. @defaultValue 1000 */
  storeTimeout?: number | undefined;
  /** How many `data` and `authorize` callbacks run at once, also those for clients that have left. @defaultValue 32 */
  maxRuns?: number | undefined;
  /** How many streams may be open; further ones are told to come back later. @defaultValue Infinity */
  maxStreams?: number | undefined;
  /** How many keys are kept while the store does not take pushes. @defaultValue 65536 */
  maxUnsent?: number | undefined;
  /** Gets what went wrong and was lived through. @defaultValue a process warning */
  onError?: ((error: SseTriggerError) => void) | undefined;
}

const OPTIONS = [
  'store',
  'poll',
  'storeTimeout',
  'maxRuns',
  'maxStreams',
  'maxUnsent',
  'onError',
] as const satisfies readonly (keyof SseTriggerOptions)[];

/**
 * What so many changes at once cause still takes but some milliseconds; fewer would cost the store more commands. As many as
 * a RedisStore reads with one command.
 */
const POLL_AT_ONCE = 1250;

/** How `testTrigger` of sse-trigger/testing sets what is not for an application to set. */
export const SURROUNDINGS = Symbol('surroundings');

interface Surroundings {
  readonly clock: Clock;
  readonly random: () => number;
  readonly pause?: number;
}

/** How `streamSse` and `eventStream` reach what all streams share. */
export const ENGINE = Symbol('engine');

/**
 * Tells streams that what they show is out of date. One a process; `K` narrows the keys of a whole application:
 * `` new SseTrigger<'ticker' | `notifications:${string}`>() ``.
 */
export class SseTrigger<K extends string = string> {
  readonly [ENGINE]: Engine;
  readonly #scopes: PushScopes;

  /** @throws TypeError for an option that does not exist or cannot be meant. */
  constructor(options: SseTriggerOptions & { [SURROUNDINGS]?: Surroundings } = {}) {
    requireKnown('SseTrigger', options, OPTIONS);
    // The fields of a store are private, so that none of them is in the way as an option.
    if ('read' in options)
      throw new TypeError('SseTrigger takes its store by name: new SseTrigger({ store })');
    const {
      store = defaultStore(),
      poll = 2000,
      storeTimeout = 1000,
      maxRuns = 32,
      maxStreams = Number.POSITIVE_INFINITY,
      maxUnsent = 65_536,
      onError = warn,
      [SURROUNDINGS]: surroundings = { clock: systemClock, random: Math.random },
    } = options;
    requireFunction('onError', onError, 'it gets an SseTriggerError');
    for (const method of ['read', 'write', 'add'] as const) {
      requireFunction(
        `store.${method}`,
        store?.[method],
        'wrap a Keyv in a KeyvStore, a client of ioredis in a RedisStore, one of node-redis in a NodeRedisStore',
      );
    }
    this[ENGINE] = new Engine({
      ...surroundings,
      store,
      newToken,
      poll: requireMs('poll', poll),
      pollAtOnce: POLL_AT_ONCE,
      storeTimeout: requireMs('storeTimeout', storeTimeout),
      maxRuns: requireCount('maxRuns', maxRuns),
      maxStreams: requireCount('maxStreams', maxStreams),
      maxUnsent: requireCount('maxUnsent', maxUnsent, 0),
      onError: (error) => void report(error, onError),
    });
    this.#scopes = new PushScopes((keys, threw) => {
      void this[ENGINE].push(keys);
      if (threw) this[ENGINE].pushAgain(keys);
    });
  }

  /**
   * Says that what streams show for these keys is out of date. It writes a new version at each and carries nothing else;
   * call it when the change is committed. Inside `pushAfter` the keys are taken over until the work is done.
   *
   * @returns a promise, though linters are not told, since a save need not wait for it. It never rejects. True: the store
   *   has the new versions. False: it did not take them within `storeTimeout`; then the keys are kept, and written as
   *   soon as it answers. False also after `close`, when nothing is kept.
   * @throws TypeError for anything but a key (1 to 512 bytes of text without control characters) or an array of keys.
   */
  push(key: K | readonly K[]): PromiseLike<boolean> {
    // A hole in an array is a mistake too, and map would pass over it.
    const keys = Array.from<unknown, string>(Array.isArray(key) ? key : [key], requireKey);
    if (keys.length === 0 || this.#scopes.take(keys)) return Promise.resolve(true);
    return this[ENGINE].push(keys);
  }

  /**
   * Runs a unit of work, such as a transaction, and pushes what was pushed in it once it has settled, each key once. It
   * goes around the transaction, not into it. Units may be nested; the outermost one pushes.
   *
   * @param options.onThrow what becomes of the keys when `work` throws: 'push' them, at once and again 5 s later, because
   *   a COMMIT whose answer was lost may have happened, or 'drop' them. @defaultValue 'push'
   * @returns what `work` gives; it does not wait for the store.
   * @throws what `work` throws.
   */
  async pushAfter<T>(
    work: () => T | PromiseLike<T>,
    options: { onThrow?: OnThrow | undefined } = {},
  ): Promise<T> {
    requireKnown('pushAfter', options, ['onThrow']);
    const { onThrow = 'push' } = options;
    requireFunction('work', work, 'pushAfter(() => doSomething())');
    if (onThrow !== 'push' && onThrow !== 'drop') throw new TypeError("onThrow must be 'push' or 'drop'");
    return await this.#scopes.run(work, onThrow);
  }

  /** What this trigger has done so far, and what it holds now. */
  stats(): Stats {
    return this[ENGINE].stats();
  }

  /**
   * Ends all streams, spread over `ms` so that their clients do not all come back in one moment, and lets no new ones in:
   * they are told to come back after the route's `retry`. Resolves when the last one has ended. This cannot be taken back.
   */
  async drain(ms: number): Promise<void> {
    await this[ENGINE].drain(requireMs('drain', ms, 0));
  }

  /**
   * Ends all streams at once, gives pushes that the store did not take a last chance of `storeTimeout`, and sources of
   * `eventStream` as long to end, and closes what the store itself has opened. After it a push gives false.
   */
  async close(): Promise<void> {
    await this[ENGINE].close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function defaultStore(): Store {
  if (process.env.NODE_ENV === 'production') {
    const message = 'SseTrigger without a store serves one process only: no other one sees its pushes';
    process.emitWarning(message, {
      code: 'SSE_TRIGGER_MEMORY',
      detail: 'Hand in a RedisStore or a KeyvStore.',
    });
  }
  return memoryStore();
}

/** The time in it is for people who look; only the whole text means anything. */
function newToken(): string {
  const microseconds = Math.round((performance.timeOrigin + performance.now()) * 1000);
  return `${microseconds}-${randomBytes(8).toString('hex')}`;
}

function warn(error: SseTriggerError): void {
  const { name, message, code, cause } = error;
  process.emitWarning(message, {
    type: name,
    code,
    detail: cause instanceof Error ? cause.message : String(cause ?? ''),
  });
}

/** An `onError` that fails must not take down what it is told of, at once or later. */
async function report(error: SseTriggerError, onError: (error: SseTriggerError) => unknown): Promise<void> {
  try {
    await onError(error);
  } catch (thrown) {
    process.emitWarning(new Error('onError itself threw', { cause: thrown }));
  }
}
