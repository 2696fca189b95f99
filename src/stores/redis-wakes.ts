import { setTimeout as sleep } from 'node:timers/promises';
import { type KeyspaceOptions, tokenOf } from './keyspace.ts';
import { isRefusal, type RedisConnection } from './redis-connection.ts';
import type { RedisCommand } from './redis-driver.ts';

export interface RedisStoreOptions extends KeyspaceOptions {
  /**
   * Whether pushes wake other processes over pub/sub, and theirs this one, so that events arrive in milliseconds rather
   * than with the next poll. @defaultValue true
   */
  wake?: boolean | undefined;
}

export const REDIS_STORE_OPTIONS = ['prefix', 'ttl', 'wake'];

type OnWake = (key: string, version: string) => void;
type OnError = (error: unknown) => void;

interface Listener {
  readonly onWake: OnWake;
  readonly onError: OnError;
}

/** A message is split where it would grow longer than this, in characters. */
const MAX_MESSAGE = 65_536;
/** What the server refuses it will most likely refuse again, in ms. */
const AFTER_REFUSAL = 10_000;

/**
 * Tells other processes of versions that were written, over one channel, and hears of theirs. A message has a line for
 * each version, `version key`; lines of any other form are passed over.
 */
export class RedisWakes {
  readonly #connect: () => RedisConnection | Promise<RedisConnection>;
  readonly #channel: string;
  readonly #listeners = new Set<Listener>();
  readonly #publishing = new Outage(this.#listeners);
  readonly #receiving = new Outage(this.#listeners);
  /** Ends the listening that is under way. */
  #listening: AbortController | undefined;
  #connection: RedisConnection | undefined;
  #closed = false;

  constructor(connect: () => RedisConnection | Promise<RedisConnection>, channel: string) {
    this.#connect = connect;
    this.#channel = channel;
  }

  /** What tells the others of these versions. */
  commands(versions: Iterable<readonly [key: string, version: string]>): RedisCommand[] {
    return toMessages(versions).map((message) => ['publish', this.#channel, message]);
  }

  /** Takes the answers to `commands`. A refusal is told to the listeners, and fails nothing: a wake is only a hint. */
  published(replies: readonly unknown[]): void {
    if (replies.length === 0) return;
    const refused = replies.find(isRefusal);
    if (refused === undefined) this.#publishing.end();
    else this.#publishing.begin(refused);
  }

  /** Tells the others of these versions. Never rejects. */
  async publish(
    versions: Iterable<readonly [key: string, version: string]>,
    connection: RedisConnection,
  ): Promise<void> {
    const commands = this.commands(versions);
    if (commands.length === 0) return;
    this.published(await connection.run(commands).catch(() => []));
  }

  /** The first listener opens the connection, and the last one closes it. */
  subscribe(onWake: OnWake, onError: OnError): () => void {
    if (this.#closed) return () => {};
    const listener = { onWake, onError };
    this.#listeners.add(listener);
    for (const outage of [this.#publishing, this.#receiving]) outage.tellNew(listener);
    if (this.#listening === undefined) {
      this.#listening = new AbortController();
      void this.#listen(this.#listening.signal);
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  /** Changes to another connection, since the server behind this one may be gone without a word. */
  renew(): void {
    if (this.#connection?.opening === false) this.#connection.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    this.#stop();
    await this.#connection?.ended;
  }

  #stop(): void {
    this.#listening?.abort();
    this.#listening = undefined;
    this.#connection?.close();
    this.#receiving.end();
  }

  async #listen(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // Many processes lose the server in one moment; they need not come back in one.
      let pause = 500 + 500 * Math.random();
      let connection: RedisConnection | undefined;
      try {
        connection = await this.#connect();
        signal.throwIfAborted();
        this.#connection = connection;
        await connection.ready;
        await connection.subscribe(this.#channel, (message) => this.#receive(message));
        this.#receiving.end();
        await connection.ended;
      } catch (error) {
        connection?.close();
        if (!signal.aborted) this.#receiving.begin(error);
        if (isRefusal(error)) pause = AFTER_REFUSAL;
      }
      await sleep(pause, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  #receive(message: string): void {
    for (const [key, version] of fromMessage(message)) {
      for (const { onWake } of this.#listeners) onWake(key, version);
    }
  }
}

/** Tells all listeners once, from its beginning to its end. */
class Outage {
  readonly #listeners: ReadonlySet<Listener>;
  #error: unknown;

  constructor(listeners: ReadonlySet<Listener>) {
    this.#listeners = listeners;
  }

  begin(error: unknown): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    for (const { onError } of this.#listeners) onError(error);
  }

  end(): void {
    this.#error = undefined;
  }

  /** Later, so that nobody is told before they have what `subscribe` gives. */
  tellNew(listener: Listener): void {
    const error = this.#error;
    if (error === undefined) return;
    queueMicrotask(() => {
      if (this.#listeners.has(listener)) listener.onError(error);
    });
  }
}

function toMessages(versions: Iterable<readonly [key: string, version: string]>): string[] {
  const messages: string[] = [];
  let message = '';
  for (const [key, version] of versions) {
    const line = `${version} ${key}`;
    if (message.length + line.length >= MAX_MESSAGE) {
      messages.push(message);
      message = '';
    }
    message += message === '' ? line : `\n${line}`;
  }
  if (message !== '') messages.push(message);
  return messages;
}

function* fromMessage(message: string): Generator<[key: string, version: string]> {
  for (const line of message.split('\n')) {
    const space = line.indexOf(' ');
    if (space > 0 && space < line.length - 1) yield [line.slice(space + 1), tokenOf(line.slice(0, space))];
  }
}
