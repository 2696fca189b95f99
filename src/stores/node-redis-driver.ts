import { untilAborted } from '../until-aborted.ts';
import { type RedisCommand, type RedisDriver, type RedisDriverEvents, RedisRefusal } from './redis-driver.ts';

/** What is called of a client that `createClient` of redis made, version 5 or 6. */
export interface NodeRedisClient {
  readonly options?:
    | { readonly database?: number | undefined; readonly socket?: object | undefined }
    | undefined;
  readonly isOpen: boolean;
  duplicate(overrides: object): NodeRedisClient;
  connect(): Promise<unknown>;
  destroy(): void;
  sendCommand(command: RedisCommand, options: { typeMapping: object }): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<void>;
  /** Never called. No cluster, pool or client of Sentinels has it. */
  unref(): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'connect', listener: () => void): unknown;
}

/** Set over the client's own options: nothing is ever sent but what is asked for now. */
const OWN = {
  // With RESP 2, one that may not be set would fail the connection.
  name: undefined,
  disableOfflineQueue: true,
  commandsQueueMaxLength: undefined,
  // Version 6 makes a timer for each command by default.
  commandOptions: { timeout: undefined },
  pingInterval: undefined,
  readonly: false,
  clientSideCache: undefined,
  emitInvalidate: false,
  // It would change to another server behind our back.
  maintNotifications: 'disabled',
};

/** The same of its socket. */
const SOCKET = {
  connectTimeout: 1_000,
  // A subscriber is silent by nature.
  socketTimeout: undefined,
  // A peer that vanished is noticed within half a minute although nothing is written, as on a subscriber.
  keepAlive: true,
  keepAliveInitialDelay: 10_000,
};

/** Which JavaScript values stand for which of Redis's: by default, and with Buffers for its strings, `$` on the wire. */
const TEXT = { typeMapping: {} };
const BYTES = { typeMapping: { 36: Buffer } };

/** A connection of node-redis, to where `client` goes. */
export class NodeRedisDriver implements RedisDriver {
  readonly #client: NodeRedisClient;
  readonly #name: string;
  readonly #onEnd: () => void;
  readonly #end = new AbortController();

  constructor(client: NodeRedisClient, name: string, { onConnect, onError, onEnd }: RedisDriverEvents) {
    this.#name = name;
    this.#onEnd = onEnd;
    const reconnectStrategy = (_: number, cause: Error) => {
      // Before the client gives itself up: after that, version 5 does not let go of all it holds any more.
      onError(cause);
      return false;
    };
    this.#client = client.duplicate({
      ...OWN,
      // Node destroys a socket upon its signal, also one that is still opening, which the client does not know yet.
      socket: { ...client.options?.socket, ...SOCKET, reconnectStrategy, signal: this.#end.signal },
    });
    this.#client.on('connect', onConnect);
    this.#client.on('error', onError);
  }

  async connect(): Promise<void> {
    await untilAborted(this.#end.signal, () => this.#client.connect());
    // Not waited for, and no matter whether it is permitted.
    this.#client.sendCommand(['client', 'setname', this.#name], TEXT).catch(() => {});
  }

  async send(commands: readonly RedisCommand[]): Promise<unknown[]> {
    // All that is asked for in one turn of the event loop goes out together.
    const asked = commands.map((command) => {
      const isBytes = command[0] === 'get' || command[0] === 'mget';
      return this.#client.sendCommand(command, isBytes ? BYTES : TEXT);
    });
    const answers = await Promise.allSettled(asked);
    return answers.map((answer) =>
      answer.status === 'fulfilled' ? answer.value : this.#refusalOf(answer.reason),
    );
  }

  async subscribe(channel: string, onMessage: (message: string) => void): Promise<void> {
    try {
      await this.#client.subscribe(channel, onMessage);
    } catch (error) {
      throw this.#refusalOf(error);
    }
  }

  disconnect(): void {
    if (this.#client.isOpen) this.#client.destroy();
    this.#end.abort(new Error('disconnected'));
    this.#onEnd();
  }

  /** On a connection that stands it is the server that rejects. @throws the error itself when the connection is lost */
  #refusalOf(error: unknown): RedisRefusal {
    if (this.#client.isOpen) return new RedisRefusal(error as Error);
    throw error;
  }
}
