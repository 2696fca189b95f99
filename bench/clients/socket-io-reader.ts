import { type Listener, Reader, ROW, ROW_WITHIN } from './reader.ts';

/** The first byte of a text message that is in one frame. */
const TEXT = 0x81;

/** Reads Socket.IO over a WebSocket, without compression and binary data. */
export class SocketIoReader extends Reader {
  readonly #key: string;
  /** The row whose end has not come yet, and how many bytes of its frame are missing. */
  #missing = 0;
  #save = 0;
  #at = 0;

  /** `key` is what the client asks for, in what Socket.IO calls auth. */
  constructor(listener: Listener, key: string) {
    super(listener, '101');
    this.#key = key;
  }

  protected override readBody(bytes: Buffer, begin: number): number {
    let at = begin;
    while (at < bytes.length) {
      if (this.#missing > 0) {
        const taken = Math.min(this.#missing, bytes.length - at);
        this.#missing -= taken;
        at += taken;
        if (this.#missing === 0) this.listener.row(this.#save, this.#at);
      } else {
        const next = this.#readBegin(bytes, at);
        if (next === undefined) return at;
        at = next;
      }
    }
    return at;
  }

  /** Reads the head of a frame that carries a row, or all of another; gives undefined when that takes more than there is. */
  #readBegin(bytes: Buffer, at: number): number | undefined {
    const frame = frameAt(bytes, at);
    if (frame === undefined) return undefined;
    const needed = Math.min(frame.length, ROW_WITHIN);
    if (bytes.length < frame.begin + needed) return undefined;
    const text = bytes.toString('latin1', frame.begin, frame.begin + needed);
    const row = ROW.exec(text);
    if (row === null) {
      if (bytes[at] === TEXT) this.#answer(text);
      else this.listener.refused(`a frame of type ${bytes[at]}`);
      return frame.begin + frame.length;
    }
    this.#missing = frame.length;
    this.#save = Number(row[1]);
    this.#at = Number(row[2]);
    return frame.begin;
  }

  #answer(message: string): void {
    if (message.startsWith('0')) this.listener.reply(masked(`40${JSON.stringify({ key: this.#key })}`));
    else if (message.startsWith('40')) this.listener.opened();
    else if (message === '2') this.listener.reply(masked('3'));
    else this.listener.refused(message);
  }
}

/** Where the content of the frame at `at` begins and how long it is; undefined when its head is cut off. */
function frameAt(bytes: Buffer, at: number): { begin: number; length: number } | undefined {
  const length = bytes[at + 1] ?? 0;
  const head = length === 127 ? 10 : length === 126 ? 4 : 2;
  if (bytes.length < at + head) return undefined;
  if (length === 127) return { begin: at + head, length: Number(bytes.readBigUInt64BE(at + 2)) };
  if (length === 126) return { begin: at + head, length: bytes.readUInt16BE(at + 2) };
  return { begin: at + head, length };
}

/** A frame as clients have to send it, of up to 125 characters, with a mask that happens to be zero. */
function masked(text: string): Buffer {
  return Buffer.concat([Buffer.from([TEXT, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
}
