import type { Sink, SinkClient } from '../connection.ts';

/**
 * What a stream writes to that is the body of a fetch Response. Nothing waits in it for a reader but the frame that was
 * written last, since a stream writes no more until the reader has come back for more.
 */
export class ReadableSink implements Sink {
  readonly readable: ReadableStream<Uint8Array>;
  /** And not only its signal, to which nothing comes any more once the request has been collected. */
  readonly #request: Request;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #client: SinkClient | undefined;
  /** The reader waits for bytes, so it has taken all that was written. */
  #isAsked = false;
  #isFull = false;
  #isEnding = false;

  /** The signal of `request` aborts when the client has gone, which not every server tells the body. */
  constructor(request: Request) {
    this.#request = request;
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pulled(),
        cancel: () => this.#closed(),
      },
      // A reader is asked for by nothing but a read of its own.
      { highWaterMark: 0 },
    );
  }

  attach(client: SinkClient): void {
    this.#client = client;
    this.#request.signal.addEventListener('abort', this.#close);
  }

  write(bytes: Buffer): boolean {
    this.#isAsked = false;
    // May ask for more at once, of who reads ahead.
    this.#controller.enqueue(bytes);
    if (!this.#isAsked) this.#isFull = true;
    return this.#isAsked;
  }

  /** Nobody tells when the last bytes were taken, but for a reader that comes back for more. */
  end(): void {
    this.#isEnding = true;
    if (this.#isAsked) this.#close();
  }

  destroy(): void {
    // By that name servers know that nobody has to be told of it.
    this.#controller.error(new DOMException('the stream was cut off', 'AbortError'));
    this.#closed();
  }

  #pulled(): void {
    this.#isAsked = true;
    if (this.#isEnding) {
      this.#close();
    } else if (this.#isFull) {
      this.#isFull = false;
      this.#client?.drained();
    }
  }

  /** Also tells the reader, who may be told by nobody else that the client has gone. */
  readonly #close = (): void => {
    this.#controller.close();
    this.#closed();
  };

  #closed(): void {
    this.#request.signal.removeEventListener('abort', this.#close);
    this.#client?.closed();
  }
}
