/** What a client hears while it reads. */
export interface Listener {
  /** The answer is the one hoped for, and first bytes of the stream are there. */
  opened(): void;
  /** All of a row has come. */
  row(save: number, at: number): void;
  /** A comment has come, such as a heartbeat. */
  comment(): void;
  /** Something has to be sent back. */
  reply(bytes: Buffer): void;
  /** The answer is none that a client can follow on. */
  refused(answer: string): void;
}

/** The begin of a row; see rowText. What follows, up to 20 KB, is not looked at. */
export const ROW = /\{"n":(\d+),"at":(\d+),/;

/** Characters within which a row begins, counted from the begin of its event or message. */
export const ROW_WITHIN = 400;

/** Makes sense of the bytes of one connection, however they are cut. */
export abstract class Reader {
  /** Id of the last event that had one. */
  lastId = '';
  protected readonly listener: Listener;
  readonly #status: string;
  #hasHead = false;
  /** What could not be made sense of before more comes. */
  #rest: Buffer | undefined;

  /** `status` is the one of the answer hoped for. */
  constructor(listener: Listener, status: string) {
    this.listener = listener;
    this.#status = status;
  }

  /** `bytes` are overwritten after the call. */
  read(bytes: Buffer): void {
    const all = this.#rest === undefined ? bytes : Buffer.concat([this.#rest, bytes]);
    const body = this.#hasHead ? 0 : this.#readHead(all);
    const end = this.#hasHead ? this.readBody(all, body) : 0;
    this.#rest = end < all.length ? Buffer.from(all.subarray(end)) : undefined;
  }

  /** Reads what there is from `begin` on, and gives where it has to go on when more has come. */
  protected abstract readBody(bytes: Buffer, begin: number): number;

  /** Where the body begins. */
  #readHead(bytes: Buffer): number {
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0) return 0;
    const head = bytes.toString('latin1', 0, end);
    if (head.startsWith(`HTTP/1.1 ${this.#status} `)) this.#hasHead = true;
    else this.listener.refused(head);
    return end + 4;
  }
}
