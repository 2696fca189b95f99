import { setImmediate } from 'node:timers/promises';
import { Connection } from './connection.ts';
import { requireKnown } from './option-checks.ts';
import { LATER, SOON } from './retry.ts';
import { encodeEvent, type ServerEvent } from './server-event.ts';

/** The last id of a stream whose source has returned: who comes back with it has got everything. */
export const COMPLETE = 'sse-trigger-complete';

const EVENT_FIELDS = ['data', 'event', 'id', 'retry', 'comment'] as const satisfies (keyof ServerEvent)[];

/** A stream of whatever a source yields, which is asked for more only when the client has taken what there was. */
export class SourceConnection extends Connection {
  readonly #left = new AbortController();
  #onProceed = () => {};

  /**
   * Sends all that `source` yields, and then ends. Its signal is aborted when the stream ends before that; a generator
   * is then told to return as soon as it yields.
   *
   * @throws what the source throws, but for the abort itself; the client comes back later.
   */
  async send(source: (signal: AbortSignal) => AsyncIterable<ServerEvent>): Promise<void> {
    const { signal } = this.#left;
    try {
      await this.#sendAll(source(signal));
      await this.#untilTakesMore();
      this.end(SOON, COMPLETE);
    } catch (error) {
      if (signal.aborted && isAbort(error, signal)) return;
      await this.#untilTakesMore();
      this.end(LATER);
      throw error;
    }
  }

  async #sendAll(events: AsyncIterable<ServerEvent>): Promise<void> {
    for await (const event of events) {
      // Meanwhile a heartbeat may have been one too many.
      await this.#untilTakesMore();
      if (!this.isOpen) return;
      this.write(encodeEvent(requireEvent(event)));
      if (event.data !== undefined) this.options.counters.frames += 1;
      // A source that never waits must not keep everybody else from their turn.
      await setImmediate();
      await this.#untilTakesMore();
      if (!this.isOpen) return;
    }
  }

  protected override proceed(): void {
    if (!this.isOpen) this.#left.abort();
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

function requireEvent(event: ServerEvent): ServerEvent {
  if (typeof event !== 'object' || event === null) {
    throw new TypeError(`a source yields events, such as { data: 1 }, and not ${JSON.stringify(event)}`);
  }
  requireKnown('an event', event, EVENT_FIELDS);
  return event;
}

/** What APIs throw that were handed the signal. */
function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError');
}
