import { connect, type Socket } from 'node:net';
import type { Protocol } from '../contestants/contestant.ts';
import { EventStreamReader } from './event-stream-reader.ts';
import type { Listener, Reader } from './reader.ts';
import { SocketIoReader } from './socket-io-reader.ts';

/** What is told of clients to those who hold them. */
export interface ClientListener {
  opened(): void;
  row(client: Client, save: number, at: number): void;
  comment(): void;
  /** The connection ended although nobody here closed it. */
  lost(client: Client, why: string): void;
}

/** All sockets read into this one, since what is read is made sense of at once. */
const buffer = Buffer.allocUnsafeSlow(64 * 1024);

/** One user's browser, at the least expense: a raw socket that reads rows. */
export class Client implements Listener {
  readonly index: number;
  readonly key: string;
  /** The save whose row it shows; 0 for none. */
  shows = 0;
  /** The save whose row is waited for. */
  wanted = 0;
  /** Whether it has not shown it yet. */
  isBehind = false;
  readonly #protocol: Protocol;
  readonly #holder: ClientListener;
  #socket: Socket | undefined;
  #reader: Reader;

  constructor(index: number, key: string, protocol: Protocol, holder: ClientListener) {
    this.index = index;
    this.key = key;
    this.#protocol = protocol;
    this.#holder = holder;
    this.#reader = this.#newReader();
  }

  get isConnected(): boolean {
    return this.#socket !== undefined;
  }

  /** Tells the id of the last event that it got, as a browser does, if there was one. */
  open(port: number): void {
    const { lastId } = this.#reader;
    const reader = this.#newReader();
    const socket = connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer,
        callback: (length) => {
          reader.read(buffer.subarray(0, length));
          return true;
        },
      },
    });
    let why = 'ended by the server';
    socket.on('error', (error) => {
      why = error.message;
    });
    socket.on('close', () => {
      if (socket !== this.#socket) return; // closed here
      this.#socket = undefined;
      this.#holder.lost(this, why);
    });
    socket.write(this.#protocol === 'socket.io' ? HANDSHAKE : get(this.key, lastId));
    this.#reader = reader;
    this.#socket = socket;
  }

  /** Resets the connection: ports are free again at once. */
  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.resetAndDestroy();
  }

  opened(): void {
    this.#holder.opened();
  }

  row(save: number, at: number): void {
    this.#holder.row(this, save, at);
  }

  comment(): void {
    this.#holder.comment();
  }

  reply(bytes: Buffer): void {
    this.#socket?.write(bytes);
  }

  refused(answer: string): void {
    this.close();
    this.#holder.lost(this, answer);
  }

  #newReader(): Reader {
    return this.#protocol === 'socket.io' ? new SocketIoReader(this, this.key) : new EventStreamReader(this);
  }
}

function get(key: string, lastId: string): string {
  const position = lastId === '' ? '' : `Last-Event-ID: ${lastId}\r\n`;
  return `GET /stream?key=${key} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n${position}\r\n`;
}

const HANDSHAKE = [
  'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1',
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n');
