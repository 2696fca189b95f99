import type { Clock } from '../../src/clock.ts';
import { plainKey } from '../../src/shared-key.ts';
import { type Reading, type Store, Unanswered } from '../../src/store.ts';
import type { Condition, SimNode } from './node.ts';
import type { Random } from './random.ts';
import type { SimServer } from './server.ts';

/** What is under way in a silent network may still land so many milliseconds after it was sent. */
export const LANDING = 8000;
/** How much longer than for the others a call waits for a node that is known to be silent, in milliseconds. */
export const GRACE = 250;

type Call = 'read' | 'write';

/** What a call came to for one key: what its node said, or that it said nothing. */
type Answers<A> = Map<string, A | Unanswered>;

/** Who wants to know what becomes of calls. */
export interface StoreWatcher {
  /** A call waits in vain, for all of its keys. What it gives is called when that is over. */
  onHang?(call: Call): () => void;
  /** Versions are being written. What it gives is called when the server has taken them, and said so. */
  onWrite?(keys: readonly string[]): () => void;
  /** What was written in vain is carried out after all. */
  onLand?(keys: readonly string[]): void;
}

/** How often a read is answered only after so many milliseconds. */
export interface SlowReads {
  readonly chance: number;
  readonly ms: number;
}

/**
 * A process's way to the server: every call takes its time, and trouble of the server, of some of its nodes or of the way
 * itself is the call's. A node that does not answer keeps its keys from being answered, and all others waiting for it once:
 * until its silence is known.
 */
export class SimStore implements Store {
  readonly violations: string[] = [];
  /** How the way is. */
  state: Condition = 'up';
  /** What it could ever say something of. */
  readonly answered = new Set<string>();
  readonly #server: SimServer;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #latency: number;
  readonly #watcher: StoreWatcher;
  readonly #slowReads: SlowReads;
  /** What is read next was missing when it was read before. */
  #isSeeded = false;
  readonly #outstanding = { read: 0, write: 0 };
  readonly #knownSilent = new Set<SimNode>();
  #isCut = false;

  constructor(
    server: SimServer,
    clock: Clock,
    random: Random,
    latency: number,
    watcher: StoreWatcher = {},
    slowReads: SlowReads = { chance: 0, ms: 0 },
  ) {
    this.#slowReads = slowReads;
    this.#server = server;
    this.#clock = clock;
    this.#random = random;
    this.#latency = latency;
    this.#watcher = watcher;
  }

  async read(keys: readonly string[], signal: AbortSignal): Promise<readonly Reading[]> {
    const answers = await this.#call('read', keys, signal, (node, key) => node.get(key));
    const readings = keys.map((key) => answers.get(key));
    keys.forEach((key, index) => {
      if (!(readings[index] instanceof Unanswered)) this.answered.add(key);
    });
    if (readings.every((reading) => reading instanceof Unanswered)) throw readings[0];
    return readings;
  }

  async write(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    const keys = [...versions.keys()];
    const written = this.#watcher.onWrite?.(keys);
    const answers = await this.#call('write', keys, signal, (node, key) => {
      node.set(key, versions.get(key)!);
      this.#server.publish(key, versions.get(key)!);
    });
    requireAll(answers);
    written?.();
  }

  async add(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    const keys = [...versions.keys()];
    requireAll(await this.#call('read', keys, signal, (node, key) => node.add(key, versions.get(key)!)));
    this.#isSeeded = true;
  }

  subscribe(onWake: (key: string, token: string) => void): () => void {
    const subscriber: typeof onWake = (key, token) => onWake(key, token);
    this.#server.subscribers.add(subscriber);
    return () => this.#server.subscribers.delete(subscriber);
  }

  /** The process is no more: whatever it sent or would send comes to nothing. */
  cut(): void {
    this.#isCut = true;
  }

  async #call<A>(
    call: Call,
    keys: readonly string[],
    signal: AbortSignal,
    carryOut: (node: SimNode, key: string) => A,
  ): Promise<Answers<A>> {
    const began = this.#clock.now();
    this.#outstanding[call] += 1;
    if (this.#outstanding[call] > 1) this.violations.push(`two calls to ${call} at once`);
    try {
      await this.#way(signal);
      if (this.#isCut) return await silence(signal);
      const answers = await this.#askNodes(call, this.#byNode(keys), signal, carryOut);
      if (call === 'read') await this.#dawdle(answers, began, signal);
      return answers;
    } finally {
      this.#outstanding[call] -= 1;
    }
  }

  /** Nothing can be done in time after that: so not where something is missing, which is to be added and read again. */
  async #dawdle(answers: Answers<unknown>, began: number, signal: AbortSignal): Promise<void> {
    const { chance, ms } = this.#slowReads;
    const isSeeded = this.#isSeeded;
    this.#isSeeded = false;
    if (chance === 0 || isSeeded || !this.#random.chance(chance)) return;
    if ([...answers.values()].includes(undefined)) return;
    this.#server.tally.count('read answered at the last moment');
    await this.#pause(began + ms - this.#clock.now(), signal);
  }

  async #askNodes<A>(
    call: Call,
    parts: ReadonlyMap<SimNode, readonly string[]>,
    signal: AbortSignal,
    carryOut: (node: SimNode, key: string) => A,
  ): Promise<Answers<A>> {
    const answers: Answers<A> = new Map();
    const silent: SimNode[] = [];
    const answering: SimNode[] = [];
    for (const [node, keys] of parts) {
      const state = this.#conditionOf(node);
      if (state === 'refusing') {
        for (const key of keys) answers.set(key, new Unanswered('connection refused'));
      } else if (state === 'silent') {
        silent.push(node);
        for (const key of keys) answers.set(key, new Unanswered('no answer'));
        this.#mayLand(call, keys, node, carryOut);
      } else {
        answering.push(node);
        for (const key of keys) answers.set(key, carryOut(node, key));
      }
    }
    const isNews = silent.some((node) => !this.#knownSilent.has(node));
    if (silent.length > 0 && (isNews || silent.length === parts.size)) {
      return await this.#hang(call, silent, signal);
    }
    if (silent.length > 0) await this.#pause(GRACE, signal);
    await this.#way(signal);
    const lost = answering.filter((node) => this.#conditionOf(node) !== 'up');
    if (lost.length > 0) return await this.#hang(call, lost, signal);
    for (const node of answering) this.#knownSilent.delete(node);
    if (answering.length < parts.size && answering.length > 0) this.#server.tally.count(`${call} in part`);
    return answers;
  }

  #byNode(keys: readonly string[]): Map<SimNode, string[]> {
    const parts = new Map<SimNode, string[]>();
    for (const key of keys) {
      const node = this.#server.nodeOf(key);
      const part = parts.get(node);
      if (part === undefined) parts.set(node, [key]);
      else part.push(key);
    }
    return parts;
  }

  #conditionOf(node: SimNode): Condition {
    return this.state === 'up' ? node.state : this.state;
  }

  /** What is under way in a silent network may still be carried out, long after everybody has given up. */
  #mayLand(
    call: Call,
    keys: readonly string[],
    node: SimNode,
    carryOut: (node: SimNode, key: string) => void,
  ): void {
    if (this.#random.chance(0.5)) return;
    const before = keys.map((key) => node.tokenOf(key));
    this.#clock.after(this.#random.upTo(LANDING), () => {
      keys.forEach((key, index) => {
        // A version that all share may be written over by nothing but a younger one: docs/guarantees.md has the exception.
        if (isShared(key) && node.tokenOf(key) !== before[index]) return;
        carryOut(node, key);
      });
      if (call === 'read') return;
      this.#server.tally.count('write landed after all');
      this.#watcher.onLand?.(keys);
    });
  }

  async #hang(call: Call, nodes: readonly SimNode[], signal: AbortSignal): Promise<never> {
    this.#server.tally.count(`${call} without an answer`);
    const goOn = this.#watcher.onHang?.(call);
    try {
      return await silence(signal);
    } finally {
      for (const node of nodes) this.#knownSilent.add(node);
      goOn?.();
    }
  }

  #way(signal: AbortSignal): Promise<void> {
    return this.#pause(this.#random.duration(this.#latency), signal);
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = this.#clock.after(ms, resolve);
      signal.addEventListener('abort', () => {
        stop();
        reject(signal.reason);
      });
    });
  }
}

function isShared(key: string): boolean {
  return plainKey(key) !== key;
}

function requireAll(answers: Answers<unknown>): void {
  for (const answer of answers.values()) if (answer instanceof Unanswered) throw answer;
}

function silence(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason));
  });
}
