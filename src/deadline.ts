import type { Clock } from './clock.ts';
import { untilAborted } from './until-aborted.ts';

/**
 * Gives `work` at most `ms`, then aborts it. Settles as soon as `abort` is aborted, by the deadline or by the caller,
 * whether or not `work` heeds the signal; what it gives later is dropped.
 *
 * @throws DOMException named TimeoutError after `ms`; the reason of `abort` when the caller aborted; what `work` threw.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => T | PromiseLike<T>,
  { abort = new AbortController(), hold = false }: { abort?: AbortController; hold?: boolean } = {},
): Promise<T> {
  const expire = () => abort.abort(new DOMException(`no answer within ${ms} ms`, 'TimeoutError'));
  const stop = clock.after(ms, expire, { hold });
  try {
    return await untilAborted(abort.signal, () => work(abort.signal));
  } finally {
    stop();
  }
}
