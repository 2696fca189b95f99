import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Sink, SinkClient } from './connection.ts';

/** A response as middleware may have changed it. */
export interface Response extends ServerResponse {
  /** Put there by `compression`. */
  flush?: () => void;
}

/** As it is before anybody wraps it. */
const { write } = ServerResponse.prototype;

/**
 * Has the body end with the connection instead of coming in chunks, so that what is written to the response and what is
 * written to its socket are the same bytes; for HTTP/1.1, and where no middleware wants to see what is written. It must
 * be called before the head is sent. Says whether it was.
 *
 * A chunk costs Node four writes to the socket and a tick; a write to the socket costs half of it.
 */
export function bypassChunks(req: IncomingMessage, res: Response): boolean {
  if (req.httpVersion !== '1.1' || res.socket === null || res.write !== write) return false;
  res.removeHeader('Transfer-Encoding');
  return true;
}

/** What a stream writes to. */
export class ResponseSink implements Sink {
  readonly #req: IncomingMessage;
  readonly #res: Response;
  /** What takes the bytes: for the whole life of the stream one and the same, or their order would be lost. */
  readonly #out: Response | Socket;
  #client: SinkClient | undefined;
  #isFull = false;

  /** @param isBare whether the body has no chunks */
  constructor(req: IncomingMessage, res: Response, isBare: boolean) {
    this.#req = req;
    this.#res = res;
    this.#out = isBare ? res.socket! : res;
    // A body that nobody reads would hide that the client has gone.
    req.resume();
    // An error of a response means that its client is gone, which `close` tells too.
    res.on('error', ignore);
  }

  attach(client: SinkClient): void {
    this.#client = client;
    // Told by Node when the socket closes too, for the one response that a socket carries.
    this.#res.on('close', () => client.closed());
  }

  write(bytes: Buffer): boolean {
    const taken = this.#out.write(bytes);
    if (this.#out === this.#res) this.#res.flush?.();
    if (!taken) this.#untilDrained();
    return taken;
  }

  #untilDrained(): void {
    if (this.#isFull) return;
    this.#isFull = true;
    this.#out.once('drain', () => {
      this.#isFull = false;
      this.#client?.drained();
    });
  }

  end(): void {
    // express-session would write to its store for a client that is gone.
    if (!this.#res.destroyed && !this.#req.socket.destroyed) this.#res.end();
  }

  destroy(): void {
    this.#res.destroy();
  }
}

function ignore(): void {}
