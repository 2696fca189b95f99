import { randomUUID } from 'node:crypto';
import { plainError } from '../plain-error.ts';
import { untilAborted } from '../until-aborted.ts';
import {
  describe,
  type RedisCommand,
  type RedisDriver,
  type RedisDriverMaker,
  RedisRefusal,
} from './redis-driver.ts';

/** How long a connection may take to come about, in ms: name look-up, Sentinels, TLS and log-in together. */
const OPENING = 5_000;
/**
 * How long of that a server may take that accepts connections, and how long to take a subscription. A silent one may have
 * a successor already.
 */
const ANSWERING = 1_000;

/** Answers after which another connection may find a server that answers better. */
const STALE = /^(READONLY|MASTERDOWN|NOAUTH)\b/;

/**
 * One connection of our own, from its opening to its end. It never reconnects, so all that it answers comes from one
 * run of one server, and what was sent on it is carried out once or never.
 */
export class RedisConnection {
  /** Resolves when it takes commands; rejects with the reason if it never does. */
  readonly ready: Promise<void>;
  /** Resolves when it is over. */
  readonly ended: Promise<void>;
  readonly #driver: RedisDriver;
  #opening = true;
  #over = false;
  #failure: Error | undefined;
  /** Differs from that of every other connection until the server gives one. */
  #identity: string = randomUUID();
  #onConnect = () => {};

  constructor(makeDriver: RedisDriverMaker, name: string) {
    let end = () => {};
    this.ended = new Promise((resolve) => {
      end = resolve;
    });
    this.#driver = makeDriver(name, {
      onConnect: () => this.#onConnect(),
      onError: (error) => this.close(error),
      onEnd: () => {
        this.#over = true;
        end();
      },
    });
    this.ready = this.#open();
    this.ready.catch(() => {});
  }

  /** Whether it is not known yet if it will take commands. That is so for a limited time. */
  get opening(): boolean {
    return this.#opening;
  }

  /** Whether it takes no more commands. */
  get over(): boolean {
    return this.#over;
  }

  close(reason?: Error): void {
    this.#failure ??= reason;
    if (this.#over) return;
    this.#over = true;
    this.#driver.disconnect();
  }

  /**
   * Sends commands in one go. Where the server refuses one, the answer is a `RedisRefusal`.
   *
   * @throws when the connection was lost on the way, or leads to a server that is not the primary.
   */
  async run(commands: readonly RedisCommand[]): Promise<unknown[]> {
    let answers: unknown[];
    try {
      answers = await this.#driver.send(commands);
    } catch (error) {
      this.close(error as Error);
      throw this.#lost(error);
    }
    const stale = answers.find((answer) => isRefusal(answer) && STALE.test(answer.message));
    if (!isRefusal(stale)) return answers;
    this.close(stale);
    throw new Error(`Redis refused: ${stale.message}`, { cause: stale });
  }

  /**
   * The data set that answers, from `INFO replication`: changes with every crash, restart and promotion, and not with a
   * lost connection. The text is the same one as long as it is equal, so that all versions of a data set share it.
   */
  identityFrom(info: unknown): string {
    const identity = typeof info === 'string' ? /^master_replid:(\S+)/m.exec(info)?.[1] : undefined;
    if (identity !== undefined && identity !== this.#identity) this.#identity = identity;
    return this.#identity;
  }

  /** @throws when the server does not take it in time. */
  async subscribe(channel: string, onMessage: (message: string) => void): Promise<void> {
    const timer = this.#limit(ANSWERING, 'subscribe');
    try {
      await this.#driver.subscribe(channel, onMessage);
    } catch (error) {
      throw isRefusal(error) ? error : this.#lost(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #limit(ms: number, to: string): NodeJS.Timeout {
    return setTimeout(() => this.close(new Error(`it took more than ${ms} ms to ${to}`)), ms).unref();
  }

  async #open(): Promise<void> {
    let timer = this.#limit(OPENING, 'open');
    this.#onConnect = () => {
      clearTimeout(timer);
      if (this.#opening) timer = this.#limit(ANSWERING, 'open');
    };
    try {
      await this.#driver.connect();
    } catch (error) {
      this.close(error as Error);
      throw this.#lost(error);
    } finally {
      clearTimeout(timer);
      this.#opening = false;
    }
  }

  #lost(error: unknown): Error {
    const cause = plainError(this.#failure ?? error);
    return new Error(`no connection to Redis: ${describe(cause)}`, { cause });
  }
}

/**
 * The connection in use, and the next one when that is over. It is made when it is first needed.
 */
export class RedisLink {
  readonly #connect: () => RedisConnection;
  #connection: RedisConnection | undefined;
  #closed = false;

  constructor(connect: () => RedisConnection) {
    this.#connect = connect;
  }

  /**
   * Gives `work` an open connection. If `signal` aborts while that has something to do, the connection is given up with
   * all that is still under way on it; one that is only just opening is left for the next call.
   */
  async use<T>(signal: AbortSignal, work: (connection: RedisConnection) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error('the store is closed');
    signal.throwIfAborted();
    if (this.#connection === undefined || this.#connection.over) this.#connection = this.#connect();
    const connection = this.#connection;
    let working = false;
    try {
      return await untilAborted(signal, async () => {
        await connection.ready;
        signal.throwIfAborted();
        working = true;
        return work(connection);
      });
    } catch (error) {
      if (working && signal.aborted) connection.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#connection?.close(new Error('the store is closed'));
    await this.#connection?.ended;
  }
}

/** Whether it is the server's own answer to a command. */
export function isRefusal(answer: unknown): answer is RedisRefusal {
  return answer instanceof RedisRefusal;
}
