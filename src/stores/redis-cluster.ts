import { untilAborted } from '../until-aborted.ts';
import { type RedisClusterClient, RedisClusterMap } from './redis-cluster-map.ts';
import { type RedisConnection, RedisLink } from './redis-connection.ts';

/** Least milliseconds between two looks at who keeps what. */
const PAUSE = 250;
/** How long a look may take, in ms. */
const FINDING = 5_000;

/**
 * The nodes of a Redis Cluster, with connections of our own to each. Who keeps what is looked up when it is first needed
 * and again when there is reason to doubt it.
 */
export class RedisCluster {
  readonly #client: RedisClusterClient;
  /** By what they are for and where they go. */
  readonly #links = new Map<string, { readonly address: string; readonly link: RedisLink }>();
  /** Nodes that did not answer when they were last asked. */
  readonly #silent = new Set<string>();
  #map: RedisClusterMap | undefined;
  #isDoubtful = false;
  #finding: Promise<RedisClusterMap> | undefined;
  #stopFinding: ((reason: Error) => void) | undefined;
  /** Whether the nodes that are known are to be asked, or those that the client was made with. */
  #asksKnown = false;
  #closed = false;

  constructor(client: RedisClusterClient) {
    this.#client = client;
  }

  /** Who keeps what, as far as is known. @throws when `signal` aborts, or nobody says. */
  map(signal: AbortSignal): Promise<RedisClusterMap> {
    return untilAborted(signal, () => this.#currentMap());
  }

  /** The map may be out of date. */
  doubt(): void {
    this.#isDoubtful = true;
  }

  /** Whether a node did not answer when it was last asked. */
  isSilent(address: string): boolean {
    return this.#silent.has(address);
  }

  /** Whether a node is known to belong to the cluster, and answers. */
  trusts(address: string): boolean {
    return this.#map?.owners.has(address) === true && !this.isSilent(address);
  }

  /** Notes whether a node answered as one should that keeps slots. */
  heard(address: string, isWell: boolean): void {
    if (isWell) {
      this.#silent.delete(address);
    } else {
      this.#silent.add(address);
      this.doubt();
    }
  }

  /** The connection to a node that is for `use`. @throws when the store is closed. */
  link(address: string, use: string): RedisLink {
    if (this.#closed) throw new Error('the store is closed');
    const name = `${use} ${address}`;
    const known = this.#links.get(name);
    if (known !== undefined) return known.link;
    const link = new RedisLink(() => this.#map!.connect(address, use));
    this.#links.set(name, { address, link });
    return link;
  }

  /** Opens a connection to some node, at best one that answers, for what does not depend on keys. */
  async connect(use: string): Promise<{ readonly address: string; readonly connection: RedisConnection }> {
    const map = await this.#currentMap();
    const nodes = this.#answering(map);
    const address = nodes[Math.floor(Math.random() * nodes.length)]!;
    return { address, connection: map.connect(address, use) };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopFinding?.(new Error('the store is closed'));
    await this.#closeLinks(() => true);
  }

  /** The nodes that answer, or all of them if none does. */
  #answering({ owners }: RedisClusterMap): string[] {
    const answering = [...owners].filter((owner) => !this.#silent.has(owner));
    return answering.length > 0 ? answering : [...owners];
  }

  async #currentMap(): Promise<RedisClusterMap> {
    if (this.#closed) throw new Error('the store is closed');
    if (this.#map !== undefined && !this.#isDoubtful) return this.#map;
    // What came of it, well or not, is the answer until it is time for another look.
    this.#finding ??= this.#find().finally(() => {
      setTimeout(() => {
        this.#finding = undefined;
      }, PAUSE).unref();
    });
    return this.#finding;
  }

  async #find(): Promise<RedisClusterMap> {
    const nodes = this.#asksKnown && this.#map !== undefined ? this.#answering(this.#map) : [];
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(new Error(`not within ${FINDING} ms`)), FINDING).unref();
    this.#stopFinding = (reason) => abort.abort(reason);
    this.#isDoubtful = false;
    let map: RedisClusterMap;
    try {
      map = await RedisClusterMap.find(this.#client, nodes, abort.signal, this.#map);
    } catch (error) {
      this.#isDoubtful = true;
      this.#asksKnown = !this.#asksKnown;
      throw error;
    } finally {
      clearTimeout(timer);
    }
    this.#map = map;
    this.#asksKnown = true;
    const { owners } = map;
    for (const address of this.#silent) if (!owners.has(address)) this.#silent.delete(address);
    void this.#closeLinks((address) => !owners.has(address));
    return map;
  }

  async #closeLinks(isOver: (address: string) => boolean): Promise<void> {
    const closing: Promise<void>[] = [];
    for (const [name, { address, link }] of this.#links) {
      if (!isOver(address)) continue;
      this.#links.delete(name);
      closing.push(link.close());
    }
    await Promise.all(closing);
  }
}
