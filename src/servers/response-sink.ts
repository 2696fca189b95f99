import { type IncomingMessage, OutgoingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Sink, SinkClient } from '../connection.ts';
import { leaveSession } from './leave-session.ts';

/** A response as middleware may have changed it. */
interface Response extends ServerResponse {
  /** Put there by `compression`. */
  flush?: () => void;
}

/** As Node has it. Who wraps it, for one response or for all, does so where it is inherited. */
const { write } = OutgoingMessage.prototype;

/**
 * What a stream writes to: a response whose head was made and not sent, and goes out with the first bytes.
 *
 * A chunk costs Node four writes to the socket and a tick, which is most of what a frame costs. So over HTTP/1.1, and where
 * nobody wants to see what is written, the body has no chunks and ends with the connection, as it does anyway; then what
 * is written to the response and what is written to its socket are the same bytes, and everything after the head goes to
 * the socket.
 */
export class ResponseSink implements Sink {
  readonly #req: IncomingMessage;
  readonly #res: Response;
  /** What takes the bytes after the first: for the whole life of the stream one and the same, or their order was lost. */
  readonly #out: Response | Socket;
  #client: SinkClient | undefined;
  #hasBegun = false;
  #isFull = false;

  constructor(req: IncomingMessage, res: Response) {
    this.#req = req;
    this.#res = res;
    this.#out = res;
    // Trailers come after a last chunk.
    if (
      req.httpVersion === '1.1' &&
      res.socket !== null &&
      res.write === write &&
      !res.hasHeader('Trailer')
    ) {
      res.removeHeader('Transfer-Encoding');
      this.#out = res.socket;
    }
    // A body that nobody reads would be kept, and hide that the client has gone.
    if (!req.complete || req.readableLength > 0) req.resume();
    // An error of a response means that its client is gone, which `close` tells too.
    res.on('error', ignore);
  }

  attach(client: SinkClient): void {
    this.#client = client;
    // Told by Node when the socket closes too, for the one response that a socket carries.
    this.#res.on('close', () => client.closed());
  }

  write(bytes: Buffer): boolean {
    // Its end was asked for already, by the client or by the application; `close` comes when all has been sent.
    if (this.#hasBegun && this.#isEnding) return false;
    const taken = this.#hasBegun ? this.#out.write(bytes) : this.#begin(bytes);
    if (this.#out === this.#res) this.#res.flush?.();
    if (!taken && !this.#isFull) {
      this.#isFull = true;
      this.#out.once('drain', () => {
        this.#isFull = false;
        this.#client?.drained();
      });
    }
    return taken;
  }

  /** Sends the head and the first bytes, in one packet. */
  #begin(bytes: Buffer): boolean {
    this.#hasBegun = true;
    this.#res.cork();
    // By itself: Node keeps the head, and keeps it in pieces if it is first sent together with something else.
    this.#res.flushHeaders();
    leaveSession(this.#req);
    const taken = this.#out.write(bytes);
    this.#res.uncork();
    return taken;
  }

  get #isEnding(): boolean {
    const out = this.#out;
    // Each response has a shape of its own to V8, which makes it slow to ask; but one without anything to send has ended.
    return !out.writable || (out.writableLength > 0 && this.#res.writableEnded);
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
