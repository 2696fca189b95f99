import type { Request, RequestHandler, Response } from 'express';
import type { Stats } from 'sse-trigger';

/** One write to a stream, as it went over the wire. */
export interface Write {
  at: string;
  text: string;
}

/** How often, in milliseconds, a loop a connection looks in the pattern as it is usually written. */
const LOOK = 2000;

/** How many writes are kept, of all screens together, and how many of them one screen gets to see. */
const KEPT = 200;
const SHOWN = 12;
/** What is longer, in characters, is cut. */
const LONGEST = 600;

/** Looks over the shoulder of streams: what goes out, and what the same would have cost with a loop a connection. */
export class Meter {
  readonly #onChange: () => void;
  #open = 0;
  /** Milliseconds that all streams together were open, up to the moment `#since`. */
  #openTime = 0;
  #since = performance.now();
  #frames = 0;
  readonly #writes: (Write & { users: readonly string[] })[] = [];

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Stands before a stream that watches something. */
  readonly count: RequestHandler = (_req, res, next) => {
    let isOpen = false;
    onWrite(res, (text) => {
      if (!isOpen) this.#opened(res);
      isOpen = true;
      if (text.includes('\ndata:')) this.#frames += 1;
      this.#onChange();
    });
    next();
  };

  /** Stands before a stream of one or several users, and keeps what they are sent. */
  record(usersOf: (req: Request) => readonly string[]): RequestHandler {
    return (req, res, next) => {
      const users = usersOf(req);
      onWrite(res, (text) => {
        const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text;
        this.#writes.push({ users, at: new Date().toISOString(), text: shown });
        if (this.#writes.length > KEPT) this.#writes.shift();
        this.#onChange();
      });
      next();
    };
  }

  /** What was sent last to streams that show nobody but these users. */
  wire(users: readonly string[]): Write[] {
    return this.#writes
      .filter((write) => write.users.every((user) => users.includes(user)))
      .slice(-SHOWN)
      .map(({ at, text }) => ({ at, text }));
  }

  /**
   * What one loop a connection would have cost by now. Each asks for the version every two seconds, and runs the query
   * when its client comes, whatever that shows already, and then for every change.
   */
  loop({ resumed, conflated }: Stats): { checks: number; runs: number } {
    this.#addTime();
    return { checks: Math.floor(this.#openTime / LOOK), runs: this.#frames + resumed + conflated };
  }

  #opened(res: Response): void {
    this.#addTime();
    this.#open += 1;
    res.once('close', () => {
      this.#addTime();
      this.#open -= 1;
      this.#onChange();
    });
  }

  /** Called before the number of streams changes, so no timer and no list of streams is needed. */
  #addTime(): void {
    const now = performance.now();
    this.#openTime += this.#open * (now - this.#since);
    this.#since = now;
  }
}

/** Calls `listener` with each write. A refusal has none, since all that it says goes with the end. */
function onWrite(res: Response, listener: (text: string) => void): void {
  const write = res.write.bind(res) as (...args: unknown[]) => boolean;
  res.write = (chunk: Buffer, ...rest: unknown[]) => {
    listener(chunk.toString());
    return write(chunk, ...rest);
  };
}
