import type { RequestListener, Server } from 'node:http';
import { type ReadEventsOptions, type ReceivedEvent, readEvents } from '../../src/testing.ts';

/** A client with an open stream, which takes one event after the other. */
export class StreamClient implements AsyncDisposable {
  readonly #blocks: AsyncGenerator<ReceivedEvent, void, undefined>;

  /** What came first: a comment and `retry`. */
  readonly opening: ReceivedEvent;

  /** Made by `openStream`. */
  constructor(blocks: AsyncGenerator<ReceivedEvent, void, undefined>, opening: ReceivedEvent) {
    this.#blocks = blocks;
    this.opening = opening;
  }

  /** The next event with data. */
  async next(): Promise<ReceivedEvent> {
    for (;;) {
      const block = await this.nextBlock();
      if (block.data !== undefined) return block;
    }
  }

  /** Whatever comes next: an event, a heartbeat, a `retry` or an id alone. @throws when the stream has ended. */
  async nextBlock(): Promise<ReceivedEvent> {
    const { value } = await this.#blocks.next();
    if (value === undefined) throw new Error('the stream has ended');
    return value;
  }

  /** All that comes until the server ends the stream. */
  async rest(): Promise<ReceivedEvent[]> {
    const blocks: ReceivedEvent[] = [];
    for await (const block of this.#blocks) blocks.push(block);
    return blocks;
  }

  /** Leaves. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#blocks.return();
  }
}

/** Opens a stream, and resolves when its first bytes have come. */
export async function openStream(
  target: RequestListener | Server | string,
  path: string,
  options: ReadEventsOptions = {},
): Promise<StreamClient> {
  const blocks = readEvents(target, path, { ...options, everything: true });
  const { value } = await blocks.next();
  if (value === undefined) throw new Error(`${path} ended without a word`);
  return new StreamClient(blocks, value);
}
