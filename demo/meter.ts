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
const LONGEST = 4000;

/** Looks over the shoulder of streams: what goes out, and what the same would have cost with a loop a connection. */
export class Meter {
  readonly #onChange: () => void;
  #streams = 0;
  /** What all streams that are open watch, a key once for each of them. */
  #watched = 0;
  /** How many looks at a key there would have been up to the moment `#since`, and the part of the next one. */
  #looks = 0;
  #since = performance.now();
  #changes = 0;
  readonly #writes: (Write & { users: readonly string[] })[] = [];

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Stands before a stream that watches so many keys. */
  count(keysOf: (req: Request) => number): RequestHandler {
    return (req, res, next) => {
      const keys = keysOf(req);
      let isOpen = false;
      let nextLook = Number.NEGATIVE_INFINITY;
      onWrite(res, (text) => {
        if (!isOpen) this.#opened(res, keys);
        isOpen = true;
        if (text.includes('\ndata:') && performance.now() >= nextLook) {
          nextLook = performance.now() + LOOK;
          this.#changes += 1;
        }
        this.#onChange();
      });
      next();
    };
  }

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

  /** How many streams are open that watch something. */
  get watching(): number {
    return this.#streams;
  }

  /**
   * What one loop a connection would have cost by now. Each asks for the versions of its keys when its client comes and
   * every two seconds after that. It runs the query at first, whatever the client shows already, and then when a look
   * finds that something has changed: however much it was, that is one run in two seconds at most.
   */
  loop({ resumed }: Stats): { checks: number; runs: number } {
    this.#countLooks();
    return { checks: Math.floor(this.#looks), runs: this.#changes + resumed };
  }

  #opened(res: Response, keys: number): void {
    this.#countLooks();
    this.#streams += 1;
    this.#watched += keys;
    this.#looks += keys;
    res.once('close', () => {
      this.#countLooks();
      this.#streams -= 1;
      this.#watched -= keys;
      this.#onChange();
    });
  }

  /** Called before it changes what is watched, so no timer and no list of streams is needed. */
  #countLooks(): void {
    const now = performance.now();
    this.#looks += (this.#watched * (now - this.#since)) / LOOK;
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
