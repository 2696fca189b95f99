import { type Listener, Reader, ROW, ROW_WITHIN } from './reader.ts';

const BLANK_LINE = Buffer.from('\n\n');
/** At the begin of a line; what stands before it may be the size of a chunk. */
const COMMENT = /(?:^|\n):/g;
const LF = 10;
const CR = 13;

/**
 * Reads an event stream. Chunks of HTTP are not decoded: their sizes stand between writes of the server, and no
 * contestant's writes cut an id, the begin of a row or a blank line in two.
 */
export class EventStreamReader extends Reader {
  #isOpen = false;
  /** The row whose end has not come yet. */
  #inRow = false;
  #save = 0;
  #at = 0;

  constructor(listener: Listener) {
    super(listener, '200');
  }

  protected override readBody(bytes: Buffer, begin: number): number {
    if (!this.#isOpen && begin < bytes.length) {
      this.#isOpen = true;
      this.listener.opened();
    }
    let at = begin;
    while (at < bytes.length) {
      if (this.#inRow) {
        const end = bytes.indexOf(BLANK_LINE, at);
        if (end < 0) return bytes.at(-1) === LF ? bytes.length - 1 : bytes.length;
        this.#inRow = false;
        this.listener.row(this.#save, this.#at);
        at = end + 2;
      } else if (bytes[at] === CR || bytes[at] === LF) {
        at++; // the line break after a chunk, with which most reads end
      } else {
        const next = this.#readBegin(bytes, at);
        if (next === undefined) return at;
        at = next;
      }
    }
    return at;
  }

  /** Reads up to where a row begins, or past something else; gives undefined when that takes more than there is. */
  #readBegin(bytes: Buffer, at: number): number | undefined {
    const text = bytes.toString('latin1', at, at + ROW_WITHIN);
    const row = ROW.exec(text);
    if (row === null) {
      const end = bytes.indexOf(BLANK_LINE, at);
      if (end < 0) return undefined;
      this.#tellComments(text.slice(0, end - at));
      return end + 2;
    }
    this.#tellComments(text.slice(0, row.index));
    this.#inRow = true;
    this.#save = Number(row[1]);
    this.#at = Number(row[2]);
    this.lastId = /(?:^|\n)id: ?([^\n]*)\n/.exec(text.slice(0, row.index))?.[1] ?? this.lastId;
    return at + row.index + row[0].length;
  }

  #tellComments(text: string): void {
    for (const _ of text.matchAll(COMMENT)) this.listener.comment();
  }
}
