import type { Clock } from '../../src/clock.ts';
import type { Reading, Store } from '../../src/store.ts';
import type { Random } from './random.ts';

type OnWake = (key: string, token: string) => void;

/** What wakes suffer on their way. */
export interface WakeFaults {
  readonly lost: number;
  readonly doubled: number;
  /** Most milliseconds that one takes. */
  readonly latest: number;
}

/** The one place where all simulated processes keep versions. */
export class SimServer {
  readonly subscribers = new Set<OnWake>();
  state: 'up' | 'refusing' | 'silent' = 'up';
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #wakes: WakeFaults;
  #versions = new Map<string, string>();
  #history: { at: number; versions: Map<string, string> }[] = [];
  #dataSet = 1;

  constructor(clock: Clock, random: Random, wakes: WakeFaults) {
    this.#clock = clock;
    this.#random = random;
    this.#wakes = wakes;
  }

  get(key: string): Reading {
    const token = this.#versions.get(key);
    return token === undefined ? undefined : { token, identity: `set${this.#dataSet}` };
  }

  set(key: string, token: string): void {
    this.#history.push({ at: this.#clock.now(), versions: new Map(this.#versions) });
    this.#versions.set(key, token);
  }

  add(key: string, token: string): void {
    if (!this.#versions.has(key)) this.set(key, token);
  }

  publish(key: string, token: string): void {
    for (const subscriber of this.subscribers) {
      if (this.#random.chance(this.#wakes.lost)) continue;
      const copies = this.#random.chance(this.#wakes.doubled) ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) {
        this.#clock.after(this.#random.upTo(this.#wakes.latest), () => {
          if (this.subscribers.has(subscriber)) subscriber(key, token);
        });
      }
    }
  }

  flush(): void {
    this.#versions = new Map();
    this.#history = [];
  }

  restartEmpty(): void {
    this.flush();
    this.#dataSet += 1;
  }

  /** A failover or a restart from a snapshot: everything is as it was `ms` ago. */
  rollBack(ms: number): void {
    const then = this.#clock.now() - ms;
    const later = this.#history.findIndex(({ at }) => at > then);
    if (later >= 0) {
      this.#versions = this.#history[later]!.versions;
      this.#history.length = later;
    }
    this.#dataSet += 1;
  }
}

/** A process's way to the server: every call takes its time, and the server's trouble is its own. */
export class SimStore implements Store {
  readonly violations: string[] = [];
  readonly #server: SimServer;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #latency: number;
  readonly #outstanding = { read: 0, write: 0 };
  #isCut = false;

  constructor(server: SimServer, clock: Clock, random: Random, latency: number) {
    this.#server = server;
    this.#clock = clock;
    this.#random = random;
    this.#latency = latency;
  }

  read(keys: readonly string[], signal: AbortSignal): Promise<readonly Reading[]> {
    return this.#call('read', signal, () => keys.map((key) => this.#server.get(key)));
  }

  write(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    return this.#call('write', signal, () => {
      for (const [key, token] of versions) {
        this.#server.set(key, token);
        this.#server.publish(key, token);
      }
    });
  }

  add(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    return this.#call('read', signal, () => {
      for (const [key, token] of versions) this.#server.add(key, token);
    });
  }

  subscribe(onWake: OnWake): () => void {
    const subscriber: OnWake = (key, token) => onWake(key, token);
    this.#server.subscribers.add(subscriber);
    return () => this.#server.subscribers.delete(subscriber);
  }

  /** The process is no more: whatever it sent or would send comes to nothing. */
  cut(): void {
    this.#isCut = true;
  }

  async #call<T>(kind: 'read' | 'write', signal: AbortSignal, execute: () => T): Promise<T> {
    this.#outstanding[kind] += 1;
    if (this.#outstanding[kind] > 1) this.violations.push(`two calls to ${kind} at once`);
    try {
      await this.#way(signal);
      if (this.#isCut) return await silence(signal);
      if (this.#server.state === 'refusing') throw new Error('connection refused');
      if (this.#server.state === 'silent') {
        // What is under way in a silent network may still land, long after everybody has given up.
        if (this.#random.chance(0.5)) this.#clock.after(this.#random.upTo(8000), execute);
        return await silence(signal);
      }
      const result = execute();
      await this.#way(signal);
      if (this.#server.state !== 'up') return await silence(signal);
      return result;
    } finally {
      this.#outstanding[kind] -= 1;
    }
  }

  #way(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = this.#clock.after(this.#random.upTo(this.#latency), resolve);
      signal.addEventListener('abort', () => {
        stop();
        reject(signal.reason);
      });
    });
  }
}

function silence(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason));
  });
}
