import { get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Stats } from 'sse-trigger';

/** What it took until all of the crowd showed what there is to show. */
export interface Cost {
  ms: number;
  /** Calls of `data`. */
  runs: number;
  frames: number;
  /** Bytes of heap that a stream takes, with both of its ends, since its client lives in this process too. */
  heap: number;
}

export interface CrowdState {
  open: number;
  /** How many there are to be. */
  size: number;
  /** What it took, once all are open. */
  cost: Cost | null;
  /** What the first one that could not be opened met with, such as EMFILE. */
  failed: string | null;
}

/** Very many clients of our own server, over loopback. */
export class Crowd {
  readonly #server: Server;
  readonly #readStats: () => Stats;
  readonly #size: number;
  /** Those that are open; undefined when there is to be no crowd. */
  #streams: Set<IncomingMessage> | undefined;
  #lastId: string | undefined;
  #cost: Cost | null = null;
  #failed: string | null = null;

  constructor(server: Server, readStats: () => Stats, size = 1000) {
    this.#server = server;
    this.#readStats = readStats;
    this.#size = size;
  }

  state(): CrowdState {
    const size = this.#streams === undefined ? 0 : this.#size;
    return { open: this.#streams?.size ?? 0, size, cost: this.#cost, failed: this.#failed };
  }

  /** What lets another process open them again where they are now; undefined when there is no crowd. */
  handOver(): { lastId?: string | undefined } | undefined {
    return this.#streams && { lastId: this.#lastId };
  }

  /**
   * Opens all streams, unless that was done before. Resolves when they show what there is, were closed, or the server
   * listens no more; never rejects.
   */
  async open(lastId?: string): Promise<void> {
    if (this.#streams !== undefined || !this.#server.listening) return;
    const streams = new Set<IncomingMessage>();
    this.#streams = streams;
    this.#lastId = lastId;
    const address = addressOf(this.#server);
    const heap = usedMemory();
    const { runs, frames } = this.#readStats();
    const began = performance.now();
    for (let missing = this.#size; missing > 0; missing -= PORTION) {
      const portion = Array.from({ length: Math.min(PORTION, missing) }, () =>
        this.#join(streams, address, lastId),
      );
      await Promise.all(portion);
      if (!this.#wants(streams)) return;
    }
    if (streams.size < this.#size) {
      this.#failed ??= 'closed by the server';
      return;
    }
    const ms = Math.round(performance.now() - began);
    const now = this.#readStats();
    this.#cost = {
      ms,
      runs: now.runs - runs,
      frames: now.frames - frames,
      heap: Math.round((usedMemory() - heap) / this.#size),
    };
  }

  close(): void {
    for (const stream of this.#streams ?? []) stream.destroy();
    this.#streams = undefined;
    this.#cost = null;
    this.#failed = null;
  }

  /** Whether they are still to be opened. */
  #wants(streams: Set<IncomingMessage>): boolean {
    return this.#streams === streams && this.#server.listening;
  }

  /** Resolves when the stream shows what there is: with its first id, or at once if it has come back with one. */
  #join(streams: Set<IncomingMessage>, address: Address, lastId: string | undefined): Promise<void> {
    return new Promise((resolve) => {
      const headers = lastId === undefined ? {} : { 'Last-Event-ID': lastId };
      const request = get({ ...address, path: '/crowd/stream', headers, agent: false });
      request.on('error', ({ code, message }: NodeJS.ErrnoException) => {
        if (this.#wants(streams)) this.#failed ??= code ?? message;
        resolve();
      });
      request.on('response', (stream) => {
        if (this.#streams === streams) streams.add(stream);
        else stream.destroy();
        stream.on('error', () => {}); // it was closed, by whichever side
        stream.on('close', () => {
          streams.delete(stream);
          resolve();
        });
        readIds(stream, (id) => {
          this.#lastId = id;
          resolve();
        });
        if (lastId !== undefined) stream.once('data', () => resolve());
      });
    });
  }
}

function readIds(stream: IncomingMessage, onId: (id: string) => void): void {
  let unfinished = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (unfinished + text).split('\n');
    unfinished = lines.pop()!;
    for (const line of lines) if (line.startsWith('id: ')) onId(line.slice('id: '.length));
  });
}

/** So many connect at once; further ones than some 500 would have to knock twice. */
const PORTION = 50;

interface Address {
  host: string;
  port: number;
}

/** Where this machine reaches the server. */
function addressOf(server: Server): Address {
  const { address, port } = server.address() as AddressInfo;
  const host = address === '::' ? '::1' : address === '0.0.0.0' ? '127.0.0.1' : address;
  return { host, port };
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** In bytes, without what is only waiting to be collected: the process as a whole seldom gives memory back, so it tells less. */
function usedMemory(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
