import { randomUUID } from 'node:crypto';
import { untilAborted } from '../until-aborted.ts';

/** What is called of an ioredis `Redis`, version 5 or 6. */
export interface RedisClient {
  readonly options: {
    readonly db?: number | undefined;
    readonly username?: string | null | undefined;
    readonly password?: string | null | undefined;
    readonly tls?: object | undefined;
  };
  readonly isCluster: boolean;
  duplicate(override: typeof OWN & { connectionName: string; host?: string; port?: number }): RedisClient;
  connect(): Promise<void>;
  disconnect(): void;
  pipeline(commands: unknown[][]): { exec(): Promise<[Error | null, unknown][] | null> };
  subscribe(channel: string): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'connect' | 'end', listener: () => void): unknown;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
}

/** How long a connection may take to come about, in ms: name look-up, Sentinels, TLS and log-in together. */
const OPENING = 5_000;
/**
 * How long of that a server may take that accepts connections, and how long to take a subscription. A silent one may have
 * a successor already.
 */
const ANSWERING = 1_000;

/** Set over the client's own options: one connection, one try, and nothing ever sent but what is asked for now. */
const OWN = {
  lazyConnect: true,
  enableOfflineQueue: false,
  retryStrategy: () => null,
  reconnectOnError: () => false,
  // INFO would be asked a second time, and a refusal of it written to the console.
  enableReadyCheck: false,
  commandTimeout: undefined,
  // So that a host that is down does not use up the time of the next Sentinel.
  connectTimeout: 1_000,
  sentinelCommandTimeout: 1_000,
  sentinelRetryStrategy: () => null,
  // A peer that vanished is noticed within half a minute although nothing is written, as on a subscriber.
  keepAlive: 10_000,
  disconnectTimeout: 50,
  // The primary, however the client is set up. The polls notice a failover by themselves.
  role: 'master' as const,
  readOnly: false,
  failoverDetector: false,
  // `prefix` alone says where versions are: the channel of wakes would not have this one.
  keyPrefix: '',
};

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
  readonly #client: RedisClient;
  #opening = true;
  #over = false;
  #failure: Error | undefined;
  /** Differs from that of every other connection until the server gives one. */
  #identity: string = randomUUID();

  /** `at` is where it goes, if not to where `client` does. */
  constructor(client: RedisClient, connectionName: string, at: { host?: string; port?: number } = {}) {
    this.#client = client.duplicate({ ...OWN, connectionName, ...at });
    this.#client.on('error', (error) => this.close(error));
    this.ended = new Promise((resolve) => {
      this.#client.on('end', () => {
        this.#over = true;
        resolve();
      });
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
    this.#client.disconnect();
  }

  /**
   * Sends commands in one go. Where the server refuses one, the answer is its Error.
   *
   * @throws when the connection was lost on the way, or leads to a server that is not the primary.
   */
  async run(commands: unknown[][]): Promise<unknown[]> {
    const replies = (await this.#client.pipeline(commands).exec()) ?? [];
    for (const [error] of replies) {
      if (error === null) continue;
      const refused = isRefusal(error);
      if (refused && !STALE.test(error.message)) continue;
      this.close(error);
      throw refused ? new Error(`Redis refused: ${error.message}`, { cause: error }) : this.#lost(error);
    }
    return replies.map(([error, reply]) => error ?? reply);
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
    this.#client.on('message', (from, message) => {
      if (from === channel) onMessage(message);
    });
    const timer = this.#limit(ANSWERING, 'subscribe');
    try {
      await this.#client.subscribe(channel);
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
    this.#client.on('connect', () => {
      clearTimeout(timer);
      if (this.#opening) timer = this.#limit(ANSWERING, 'open');
    });
    try {
      await this.#client.connect();
    } catch (error) {
      throw this.#lost(error);
    } finally {
      clearTimeout(timer);
      this.#opening = false;
    }
    // ioredis goes on after a SELECT that failed, in the wrong database.
    if (this.#failure !== undefined) throw this.#lost(this.#failure);
  }

  #lost(error: unknown): Error {
    const cause = this.#failure ?? error;
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
export function isRefusal(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

export function refusal(key: string | undefined, cause: unknown): Error {
  return new Error(`Redis refused ${key}: ${describe(cause)}`, { cause });
}

export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A host with several addresses fails with an AggregateError, whose message is empty.
  return error instanceof AggregateError ? error.errors.map(describe).join(', ') : error.message;
}
