import type { ServerResponse } from 'node:http';
import type { Rows } from '../rows.ts';
import { ByKey } from './by-key.ts';
import type { Settings } from './contestant.ts';
import { subscribeRows } from './row-channel.ts';

const HEAD = [
  ['Content-Type', 'text/event-stream'],
  ['Cache-Control', 'no-cache'],
  ['Connection', 'keep-alive'],
] as const;

/** That of sse-trigger. */
const FULL_HEAD = [
  ['Content-Type', 'text/event-stream; charset=utf-8'],
  ['Cache-Control', 'no-store, no-transform'],
  ['X-Accel-Buffering', 'no'],
  ['X-Content-Type-Options', 'nosniff'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['Vary', 'Cookie, Origin'],
] as const;

/** Event streams without any library: open responses, and one Buffer a row that is written to all of its key. */
export class BareStreams {
  readonly #responses = new ByKey<ServerResponse>();
  readonly #settings: Settings;
  readonly #rows: Rows;

  constructor(settings: Settings, rows: Rows) {
    this.#settings = settings;
    this.#rows = rows;
  }

  async subscribe(): Promise<void> {
    await subscribeRows(this.#settings, (key, row) => {
      const frame = Buffer.from(encode(row));
      for (const response of this.#responses.at(key)) response.write(frame);
    });
  }

  async open(key: string, response: ServerResponse): Promise<void> {
    const head = this.#settings.fullHead ? FULL_HEAD : HEAD;
    for (const [name, value] of head) response.setHeader(name, value);
    response.flushHeaders();
    this.#responses.add(key, response);
    response.on('close', () => this.#responses.delete(key, response));
    response.write(this.#settings.greet ? encode(await this.#rows.read(key)) : ': welcome\n\n');
  }
}

function encode(row: string): string {
  return `data: ${row}\n\n`;
}
