import { type RedisCommand, type RedisDriver, type RedisDriverEvents, RedisRefusal } from './redis-driver.ts';

/** What is called of an ioredis `Redis`, version 5 or 6. */
export interface RedisClient {
  readonly options: {
    readonly db?: number | undefined;
    readonly username?: string | null | undefined;
    readonly password?: string | null | undefined;
    readonly tls?: object | undefined;
  };
  readonly isCluster: boolean;
  duplicate(override: object): RedisClient;
  connect(): Promise<void>;
  disconnect(): void;
  pipeline(commands: unknown[][]): { exec(): Promise<[Error | null, unknown][] | null> };
  subscribe(channel: string): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'connect' | 'end', listener: () => void): unknown;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
}

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

/** A connection of ioredis, to where `client` goes or else to `at`. */
export class IoredisDriver implements RedisDriver {
  readonly #client: RedisClient;
  #failure: Error | undefined;

  constructor(
    client: RedisClient,
    connectionName: string,
    { onConnect, onError, onEnd }: RedisDriverEvents,
    at: { host?: string; port?: number } = {},
  ) {
    this.#client = client.duplicate({ ...OWN, connectionName, ...at });
    this.#client.on('connect', onConnect);
    this.#client.on('error', (error) => {
      this.#failure ??= error;
      onError(error);
    });
    this.#client.on('end', onEnd);
  }

  async connect(): Promise<void> {
    await this.#client.connect();
    // ioredis goes on after a SELECT that failed, in the wrong database.
    if (this.#failure !== undefined) throw this.#failure;
  }

  async send(commands: readonly RedisCommand[]): Promise<unknown[]> {
    const replies = (await this.#client.pipeline(commands.map(withBuffers)).exec()) ?? [];
    return replies.map(([error, reply]) => (error === null ? reply : refusalOf(error)));
  }

  async subscribe(channel: string, onMessage: (message: string) => void): Promise<void> {
    this.#client.on('message', (from, message) => {
      if (from === channel) onMessage(message);
    });
    try {
      await this.#client.subscribe(channel);
    } catch (error) {
      throw refusalOf(error);
    }
  }

  disconnect(): void {
    this.#client.disconnect();
  }
}

function withBuffers([name, ...args]: RedisCommand): string[] {
  return [name === 'get' || name === 'mget' ? `${name}Buffer` : name!, ...args];
}

/** @throws the error itself when it is not the server's. */
function refusalOf(error: unknown): RedisRefusal {
  if (error instanceof Error && error.name === 'ReplyError') return new RedisRefusal(error);
  throw error;
}
