import type { Clock } from './clock.ts';
import { untilAborted } from './until-aborted.ts';

/**
 * Gives `work` at most `ms`, then aborts it. Settles when `work` does, but no later than that, whether or not `work` heeds
 * the signal; what it gives after that is dropped. A caller that aborts still waits: what is under way is under way.
 *
 * @throws DOMException named TimeoutError after `ms`; what `work` threw.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => T | PromiseLike<T>,
  { abort = new AbortController(), hold = false }: { abort?: AbortController; hold?: boolean } = {},
): Promise<T> {
  const late = new AbortController();
  const expire = () => {
    const reason = new DOMException(`no answer within ${ms} ms`, 'TimeoutError');
    abort.abort(reason);
    late.abort(reason);
  };
  const stop = clock.after(ms, expire, { hold });
  try {
    return await untilAborted(late.signal, () => work(abort.signal));
  } finally {
    stop();
  }
}
