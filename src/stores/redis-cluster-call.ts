import { Unanswered } from '../store.ts';
import { untilAborted } from '../until-aborted.ts';
import type { RedisCluster } from './redis-cluster.ts';
import type { RedisClusterMap } from './redis-cluster-map.ts';
import { isRefusal, type RedisConnection } from './redis-connection.ts';
import { describe, type RedisCommand } from './redis-driver.ts';

/** A node, and those of the keys that it keeps. */
export interface Visit {
  readonly address: string;
  readonly connection: RedisConnection;
  /** Which of the keys. */
  readonly indexes: readonly number[];
  /** Sends a command for each of these keys, and others before them, all in one go. */
  send(commands: RedisCommand[], before?: RedisCommand[]): Promise<Answers>;
}

interface Answers {
  readonly answers: unknown[];
  readonly before: unknown[];
}

/** What goes to one node. */
interface Part {
  readonly address: string;
  /** Whether the slots of these keys are only on their way to it. */
  readonly asking: boolean;
  readonly indexes: number[];
}

/** How often a key is followed to where it is said to be. */
const REDIRECTIONS = 5;
/** How many milliseconds more than the others a node gets that did not answer the last time. */
const GRACE = 250;
/** How many milliseconds later its answer may still come, which is the sign that it is only slow. */
const PATIENCE = 5_000;
/** A node that was given less than this, in ms, had no time to answer. */
const TOO_SHORT = 100;
/** Says for how long and where a slot is kept. */
const REDIRECTION = /^(MOVED|ASK) (\d+) (\S+)/;
/** The node answers, but not for its keys. */
const OUT_OF_ORDER = /^(BUSY|CLUSTERDOWN|LOADING|TRYAGAIN)\b/;

/**
 * One call for some keys of a cluster. Each key is asked for where it is kept, by a command of its own, so that none
 * ever spans slots; and where a node says that another one keeps it, there.
 */
export class RedisClusterCall<A> {
  /** In the order of the keys. */
  readonly #answers: (A | Unanswered)[];
  readonly #keys: readonly string[];
  readonly #cluster: RedisCluster;
  readonly #use: string;
  readonly #visit: (visit: Visit) => Promise<readonly A[]>;
  #map!: RedisClusterMap;
  #redirections = REDIRECTIONS;
  /** Keys that are kept elsewhere than they were asked for. */
  #moved: Part[] = [];

  /** `visit` asks one node, and gives an answer for each of its keys. Where it was refused, that is what it got. */
  constructor(
    cluster: RedisCluster,
    use: string,
    keys: readonly string[],
    visit: (visit: Visit) => Promise<readonly A[]>,
  ) {
    this.#cluster = cluster;
    this.#use = use;
    this.#keys = keys;
    this.#visit = visit;
    this.#answers = new Array(keys.length);
  }

  /**
   * Keys of a node that does not answer are `Unanswered`. From the second time on it gets little more time than the
   * others, until it is heard to answer again.
   *
   * @throws when `signal` aborts, or it cannot be found out who keeps what.
   */
  async run(signal: AbortSignal): Promise<readonly (A | Unanswered)[]> {
    const map = await this.#cluster.map(signal);
    this.#map = map;
    for (const [index, key] of this.#keys.entries()) this.#move(index, map.ownerOf(key), false);
    for (; this.#moved.length > 0; this.#redirections -= 1) {
      const parts = this.#moved;
      this.#moved = [];
      await this.#askAll(parts, signal);
    }
    signal.throwIfAborted();
    return this.#answers;
  }

  async #askAll(parts: readonly Part[], signal: AbortSignal): Promise<void> {
    const silent = parts.filter(({ address }) => this.#cluster.isSilent(address));
    const others = parts.filter((part) => !silent.includes(part));
    if (others.length === 0) {
      await Promise.all(silent.map((part) => this.#ask(part, signal, signal)));
      return;
    }
    const enough = new AbortController();
    const over = new AbortController();
    const atLast = AbortSignal.any([signal, over.signal]);
    const late = Promise.all(silent.map((part) => this.#ask(part, enough.signal, atLast)));
    await Promise.all(others.map((part) => this.#ask(part, signal, signal)));
    const timer = setTimeout(() => {
      enough.abort(new Error('it is still silent'));
      setTimeout(() => over.abort(new Error(`not within ${PATIENCE} ms`)), PATIENCE).unref();
    }, GRACE).unref();
    await late;
    clearTimeout(timer);
  }

  /** Waits for the answers until `enough` aborts, and leaves it to them to come until `atLast`. Never rejects. */
  async #ask(part: Part, enough: AbortSignal, atLast: AbortSignal): Promise<void> {
    const { address, indexes } = part;
    let given: readonly A[];
    try {
      given = await untilAborted(enough, () => this.#send(part, atLast));
    } catch (error) {
      this.#cluster.doubt();
      for (const index of indexes) this.#answers[index] = unanswered(address, error);
      return;
    }
    for (const [at, index] of indexes.entries()) this.#take(index, given[at]!, address);
  }

  /** Notes whether the node answers, also when nobody waits for that any more: it may be slow, and not dead. */
  async #send({ address, asking, indexes }: Part, signal: AbortSignal): Promise<readonly A[]> {
    const began = performance.now();
    try {
      const given = await this.#cluster.link(address, this.#use).use(signal, (connection) => {
        return this.#visit({ address, connection, indexes, send: sender(connection, asking) });
      });
      this.#cluster.heard(address, !given.some((answer) => refuses(answer, OUT_OF_ORDER)));
      return given;
    } catch (error) {
      const hadTime = performance.now() - began >= TOO_SHORT;
      if (hadTime || !signal.aborted) this.#cluster.heard(address, false);
      throw error;
    }
  }

  #take(index: number, answer: A, address: string): void {
    const redirection = refuses(answer, REDIRECTION);
    if (redirection !== undefined && this.#redirections > 0) {
      const [, kind, slot, target] = redirection;
      const owner = this.#map.translate(target!, address);
      if (kind === 'MOVED') {
        this.#map.move(Number(slot), owner);
        this.#cluster.doubt();
      }
      this.#move(index, owner, kind === 'ASK');
    } else if (redirection !== undefined || refuses(answer, OUT_OF_ORDER) !== undefined) {
      this.#answers[index] = unanswered(address, answer);
    } else {
      this.#answers[index] = answer;
    }
  }

  #move(index: number, address: string, asking: boolean): void {
    const part = this.#moved.find((part) => part.address === address && part.asking === asking);
    if (part === undefined) this.#moved.push({ address, asking, indexes: [index] });
    else part.indexes.push(index);
  }
}

function sender(connection: RedisConnection, asking: boolean): Visit['send'] {
  return async (commands, before = []) => {
    const asked = asking ? commands.flatMap((command) => [['asking'], command]) : commands;
    const replies = await connection.run([...before, ...asked]);
    const answers = replies.slice(before.length);
    return {
      before: replies.slice(0, before.length),
      answers: asking ? answers.filter((_, index) => index % 2 === 1) : answers,
    };
  };
}

function refuses(answer: unknown, form: RegExp): RegExpExecArray | undefined {
  return (isRefusal(answer) && form.exec(answer.message)) || undefined;
}

function unanswered(address: string, cause: unknown): Unanswered {
  return new Unanswered(`no answer from ${address}: ${describe(cause)}`, { cause });
}
