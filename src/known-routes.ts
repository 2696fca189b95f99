import { hash, randomInt } from 'node:crypto';
import type { Engine } from './engine.ts';
import type { StreamHandler } from './stream-handler.ts';
import { toStreamPlan } from './stream-plan.ts';
import { streamRoute } from './stream-route.ts';

/** Numbers of 48 bits, above those that are counted. */
const HASHED = 2 ** 48;
const RANDOM = 2 ** 49;
/** Whoever has more of them makes them of requests, and must not fill the memory so. */
const MOST = 1000;

const byEngine = new WeakMap<Engine, KnownRoutes>();

/**
 * The route of `options`, which a request brings along: that of the same object before, or else a new one. `caller` is
 * what errors call the function that takes them.
 *
 * @throws TypeError for an option that does not exist or cannot be meant.
 */
export function routeOf(engine: Engine, options: object, caller: string): StreamHandler {
  const routes = byEngine.get(engine) ?? new KnownRoutes(engine);
  byEngine.set(engine, routes);
  return routes.get(options, caller);
}

/**
 * The routes of a trigger that are told by their options. A result is shared by the streams of one object only, never by
 * those of one that looks the same: its callbacks may close over another user. What makes a position stand in another
 * process is how the options read, which is the same there, whereas the order of first requests is not.
 */
class KnownRoutes {
  readonly #engine: Engine;
  readonly #routes = new WeakMap<object, StreamHandler>();
  readonly #numbers = new Set<number>();
  #hasWarned = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get(options: object, caller: string): StreamHandler {
    const known = this.#routes.get(options);
    if (known !== undefined) return known;
    const route = streamRoute(this.#engine, toStreamPlan(options, caller), this.#numberOf(options, caller));
    this.#routes.set(options, route);
    return route;
  }

  #numberOf(options: object, caller: string): number {
    const number = HASHED + Number.parseInt(hash('sha256', readingOf(options)).slice(0, 12), 16);
    if (!this.#numbers.has(number) && this.#numbers.size < MOST) {
      this.#numbers.add(number);
      return number;
    }
    this.#warn(caller);
    return RANDOM + randomInt(HASHED - 1);
  }

  #warn(caller: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(
      `${caller} got options that read like those of a route that there is. If they are made anew for each request, its ` +
        'streams share no run, maxPerViewer does not hold, and each reconnect costs a run',
      {
        code: 'SSE_TRIGGER_OPTIONS',
        detail:
          'Make them once, outside the handler: const options = streamOptions(trigger, { … }). Where both are made once, give ' +
          'each a revision of its own, or clients that come back after a restart cost a run.',
      },
    );
  }
}

/** The options as text, functions by their source. Plain keys are left out: they often are the request's. */
function readingOf(options: object): string {
  return JSON.stringify(options, (name, value: unknown) => {
    if (typeof value === 'function') return String(value);
    return name === 'key' ? undefined : value;
  });
}
