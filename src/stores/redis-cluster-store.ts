import { type Reading, type Store, Unanswered } from '../store.ts';
import { type Keyspace, tokenOf } from './keyspace.ts';
import { RedisCluster } from './redis-cluster.ts';
import { RedisClusterCall, type Visit } from './redis-cluster-call.ts';
import type { RedisClusterClient } from './redis-cluster-map.ts';
import { isRefusal } from './redis-connection.ts';
import { type RedisCommand, refusal } from './redis-driver.ts';
import { RedisWakes } from './redis-wakes.ts';

/**
 * Keeps versions in a Redis Cluster, each at the primary that owns its slot. The identity is that of this primary, so
 * that its failover, or the move of a slot, concerns its own keys alone. Wakes go through any node to all.
 */
export class RedisClusterStore implements Store {
  readonly #cluster: RedisCluster;
  readonly #keyspace: Keyspace;
  readonly #wakes: RedisWakes | undefined;
  /** The node that wakes come from. */
  #wakesFrom: string | undefined;

  constructor(client: RedisClusterClient, keyspace: Keyspace, wake: boolean) {
    this.#cluster = new RedisCluster(client);
    this.#keyspace = keyspace;
    if (!wake) return;
    const connect = async () => {
      const { address, connection } = await this.#cluster.connect('sse-trigger:wake');
      this.#wakesFrom = address;
      return connection;
    };
    this.#wakes = new RedisWakes(connect, `${keyspace.prefix}wake:0`);
  }

  async read(keys: readonly string[], signal: AbortSignal): Promise<readonly Reading[]> {
    const places = this.#placesOf(keys);
    const visit = (visit: Visit) => this.#read(places, visit);
    try {
      const call = new RedisClusterCall<Reading>(this.#cluster, 'sse-trigger:read', places, visit);
      const readings = await call.run(signal);
      if (keys.length > 0 && readings.every((reading) => reading instanceof Unanswered)) throw readings[0];
      return readings;
    } finally {
      const from = this.#wakesFrom;
      if (from !== undefined && !this.#cluster.trusts(from)) this.#wakes?.renew();
    }
  }

  async write(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    const entries = [...versions];
    const answers = await this.#set('sse-trigger:write', entries, signal, async (commands, visit) => {
      const { answers } = await visit.send(commands);
      // Not along with the versions, as on a single server: any of them may turn out to be kept elsewhere now.
      const written = visit.indexes
        .filter((_, at) => !isRefusal(answers[at]))
        .map((index) => entries[index]!);
      void this.#wakes?.publish(written, visit.connection);
      return answers;
    });
    const failed = answers.findIndex((answer) => answer instanceof Error);
    const failure = answers[failed];
    if (failed >= 0) throw failure instanceof Unanswered ? failure : refusal(entries[failed]?.[0], failure);
  }

  /** Which keys refuse a version shows in the next read. */
  async add(versions: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    const answers = await this.#set('sse-trigger:read', [...versions], signal, async (commands, visit) => {
      const adds = commands.map((command) => [...command, 'NX']);
      return (await visit.send(adds)).answers;
    });
    const unanswered = answers.find((answer) => answer instanceof Unanswered);
    if (unanswered !== undefined) throw unanswered;
  }

  subscribe(onWake: (key: string, version: string) => void, onError: (error: unknown) => void): () => void {
    return this.#wakes?.subscribe(onWake, onError) ?? (() => {});
  }

  async close(): Promise<void> {
    await Promise.all([this.#cluster.close(), this.#wakes?.close()]);
  }

  #placesOf(keys: Iterable<string>): string[] {
    return Array.from(keys, (key) => this.#keyspace.placeOf(key));
  }

  async #read(places: readonly string[], { connection, indexes, send }: Visit): Promise<Reading[]> {
    const gets = indexes.map((index) => ['get', places[index]!]);
    const { before, answers } = await send(gets, [['info', 'replication']]);
    const identity = connection.identityFrom(before[0]);
    return answers.map((answer) => {
      if (Buffer.isBuffer(answer)) return { token: tokenOf(answer), identity };
      // No version, as little as MGET would find one on a single server.
      const isOther = isRefusal(answer) && answer.message.startsWith('WRONGTYPE');
      return answer === null || isOther ? undefined : (answer as Error);
    });
  }

  #set(
    use: string,
    entries: readonly (readonly [key: string, token: string])[],
    signal: AbortSignal,
    send: (commands: RedisCommand[], visit: Visit) => Promise<readonly unknown[]>,
  ): Promise<readonly unknown[]> {
    const places = this.#placesOf(entries.map(([key]) => key));
    const call = new RedisClusterCall(this.#cluster, use, places, (visit) => {
      const commands = visit.indexes.map((index) => {
        return ['set', places[index]!, entries[index]![1], 'PX', `${this.#keyspace.lifetime()}`];
      });
      return send(commands, visit);
    });
    return call.run(signal);
  }
}
