import { plainError } from '../plain-error.ts';
import { untilAborted } from '../until-aborted.ts';
import { IoredisDriver, type RedisClient } from './ioredis-driver.ts';
import { RedisConnection } from './redis-connection.ts';
import { describe } from './redis-driver.ts';
import { slotOf } from './redis-slot.ts';

interface Address {
  readonly host: string;
  readonly port: number;
}

/** What is called of an ioredis `Cluster`, version 5 or 6. */
export interface RedisClusterClient {
  readonly isCluster: boolean;
  readonly options: {
    readonly redisOptions?: object | undefined;
    readonly natMap?:
      | { readonly [address: string]: Address }
      | ((address: string) => Address | null)
      | undefined;
  };
  /** The addresses of each slot, the primary's first. */
  readonly slots: readonly (readonly string[])[];
  duplicate(nodes: Address[], override: object): RedisClusterClient;
  connect(): Promise<void>;
  disconnect(): void;
  nodes(): RedisClient[];
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** Set over the client's own options: it asks for the slots once, and sends nothing else. */
const FINDER = {
  lazyConnect: true,
  enableOfflineQueue: false,
  enableReadyCheck: false,
  clusterRetryStrategy: () => null,
  // So that a node that is silent does not use up the time of the next one.
  slotsRefreshTimeout: 500,
  slotsRefreshInterval: 0,
  shardedSubscribers: false,
};

/** Which primary keeps which slots, as far as is known, and how to connect to it. */
export class RedisClusterMap {
  readonly #client: RedisClusterClient;
  /** Has the options of any node. */
  readonly #node: RedisClient;
  /** By slot. */
  readonly #ownerOf: (string | undefined)[];
  /** The addresses of all primaries that kept slots when they were asked for. */
  readonly owners: ReadonlySet<string>;

  private constructor(client: RedisClusterClient, node: RedisClient, ownerOf: (string | undefined)[]) {
    this.#client = client;
    this.#node = node;
    this.#ownerOf = ownerOf;
    this.owners = new Set(ownerOf.filter((owner) => owner !== undefined));
  }

  /**
   * Asks one of these nodes, or of those that the client was made with. Logs in as for the `last` map.
   *
   * @throws when none of them answers, or the one that does knows of no slots.
   */
  static async find(
    client: RedisClusterClient,
    nodes: readonly string[],
    signal: AbortSignal,
    last?: RedisClusterMap,
  ): Promise<RedisClusterMap> {
    const given = { ...client.options.redisOptions, ...last?.credentials };
    const redisOptions = { ...given, connectTimeout: 1_000, commandTimeout: undefined };
    const finder = client.duplicate(nodes.map(parse), { ...FINDER, redisOptions });
    let failure: unknown;
    finder.on('error', (error) => {
      failure = (error as { lastNodeError?: Error }).lastNodeError ?? error;
    });
    try {
      await untilAborted(signal, () => finder.connect());
      const nodes = finder.nodes();
      // Credentials may have been given with the nodes that the client was made with, and only with them.
      const node = nodes.find(({ options }) => options.password) ?? nodes[0];
      if (node === undefined) throw new Error('its nodes keep no slots');
      const ownerOf = Array.from(finder.slots, (addresses) => addresses?.[0]);
      return new RedisClusterMap(client, node, ownerOf);
    } catch (error) {
      const cause = plainError(failure ?? error);
      throw new Error(`no connection to the Redis Cluster: ${describe(cause)}`, { cause });
    } finally {
      finder.disconnect();
    }
  }

  /** What the nodes know us by. */
  get credentials(): object {
    const { username, password, tls } = this.#node.options;
    return { username, password, tls };
  }

  /** Where to ask for a key. A slot that nobody keeps is asked for anywhere: whoever is asked knows better, or says so. */
  ownerOf(key: string): string {
    return this.#ownerOf[slotOf(key)] ?? this.owners.values().next().value!;
  }

  /** A node says that another one keeps this slot now. */
  move(slot: number, owner: string): void {
    this.#ownerOf[slot] = owner;
  }

  /** The address for us of one by which nodes call each other; without a host it is that of the node that says it. */
  translate(address: string, saidBy: string): string {
    const { natMap } = this.#client.options;
    const whole = address.startsWith(':') ? parse(saidBy).host + address : address;
    const mapped = typeof natMap === 'function' ? natMap(whole) : natMap?.[whole];
    return mapped ? `${mapped.host}:${mapped.port}` : whole;
  }

  connect(address: string, connectionName: string): RedisConnection {
    const at = parse(address);
    return new RedisConnection(
      (name, events) => new IoredisDriver(this.#node, name, events, at),
      connectionName,
    );
  }
}

function parse(address: string): Address {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}
