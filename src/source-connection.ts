import { AsyncResource } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';
import { Connection } from './connection.ts';
import { diagnostics, type FrameMessage } from './diagnostics.ts';
import { LATER, SOON } from './retry.ts';
import { COMPLETE, encodeEvent, type ServerEvent } from './server-event.ts';

/** What makes the events of one stream, until that ends. */
export type EventsUntil = (signal: AbortSignal) => AsyncIterable<ServerEvent>;

/** A stream of whatever a source yields, which is asked for more only when the client has taken what there was. */
export class SourceConnection extends Connection {
  readonly #ended = new AbortController();
  #onProceed = () => {};

  /**
   * Sends all that `source` yields, and then ends. When the stream ends before, the source is told to return, by its
   * signal and by `return`. All of it runs in the async context of the caller.
   *
   * Never rejects: what the source throws is for `onError`, and its client comes back later. Resolves when the source is
   * over.
   */
  async send(source: EventsUntil, onError: (error: unknown) => void): Promise<void> {
    const { signal } = this.#ended;
    if (signal.aborted) return;
    const tell = (error: unknown) => {
      if (!(signal.aborted && isAbort(error, signal))) onError(error);
    };
    let stopped: Promise<void> | undefined;
    try {
      const events = iterate(source(signal));
      const stop = async () => void (await events.return?.());
      const onEnd = AsyncResource.bind(() => {
        stopped = stop().catch(tell);
      });
      signal.addEventListener('abort', onEnd);
      await this.#sendAll(events);
      await this.#untilTakesMore();
      // Nobody comes back for what is still on its way, so it has all the time that a client gets.
      this.end('complete', SOON, COMPLETE, this.timing.writeTimeout);
    } catch (error) {
      tell(error);
      await this.#untilTakesMore();
      this.end('failed', LATER);
    }
    await stopped;
  }

  async #sendAll(events: AsyncIterator<ServerEvent>): Promise<void> {
    while (this.isOpen) {
      const { done, value } = await events.next();
      if (done) return;
      const bytes = encodeEvent(value);
      // Meanwhile a heartbeat may have been one too many.
      await this.#untilTakesMore();
      if (!this.isOpen) return;
      this.write(bytes);
      if (value.data !== undefined) this.#countFrame(bytes.length);
      // A source that never waits must not keep everybody else from their turn.
      await setImmediate();
      await this.#untilTakesMore();
    }
  }

  #countFrame(bytes: number): void {
    this.context.counters.frames += 1;
    if (diagnostics.frame.hasSubscribers) {
      diagnostics.frame.publish({ route: this.path, bytes } satisfies FrameMessage);
    }
  }

  protected override proceed(): void {
    this.#onProceed();
  }

  protected override ended(): void {
    this.#ended.abort(new DOMException('the stream has ended', 'AbortError'));
    this.#onProceed();
  }

  async #untilTakesMore(): Promise<void> {
    while (this.isOpen && !this.takesMore) {
      await new Promise<void>((resolve) => {
        this.#onProceed = resolve;
      });
    }
  }
}

function iterate(events: AsyncIterable<ServerEvent>): AsyncIterator<ServerEvent> {
  const iterator = events?.[Symbol.asyncIterator]?.();
  if (iterator !== undefined) return iterator;
  throw new TypeError('a source gives an async iterable: write async function*, not async function');
}

/** Whether it only says that the source was stopped, as APIs do that were handed the signal. */
function isAbort(error: unknown, signal: AbortSignal): boolean {
  const { name, code, cause } = Object(error) as { name?: unknown; code?: unknown; cause?: unknown };
  return (
    error === signal.reason || cause === signal.reason || name === 'AbortError' || code === 'ERR_CANCELED'
  );
}
