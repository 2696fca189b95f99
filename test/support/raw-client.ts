import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A client that sends what it is told, byte by byte, and keeps all that it gets. */
export class RawClient implements AsyncDisposable {
  readonly #socket: Socket;
  #received = '';

  /** Made by `connectRaw`. */
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#received += text;
    });
    socket.on('error', () => {});
  }

  /** Gives all that came so far. */
  get received(): string {
    return this.#received;
  }

  /** Resolves when the system has taken all of it, or the connection is gone. */
  send(text: string): Promise<void> {
    return new Promise((resolve) => this.#socket.write(text, () => resolve()));
  }

  /** Resolves when what came holds `part`. */
  async until(part: string): Promise<string> {
    while (!this.#received.includes(part)) {
      if (this.#socket.destroyed) throw new Error(`closed before ${part}: ${this.#received}`);
      await Promise.race([once(this.#socket, 'data'), once(this.#socket, 'close')]);
    }
    return this.#received;
  }

  /** Resolves with all that came when the server has closed the connection. */
  async untilClosed(): Promise<string> {
    if (!this.#socket.destroyed) await once(this.#socket, 'close');
    return this.#received;
  }

  /** Leaves without a word. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.resetAndDestroy();
  }
}

export async function connectRaw(port: number): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return new RawClient(socket);
}
