import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePorts } from './free-port.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { until } from './until.ts';

const SLOTS = 16_384;
const PRIMARIES = 3;

export interface RedisClusterOptions {
  /** Milliseconds of silence after which a node is held to be dead. @defaultValue 30,000 */
  nodeTimeout?: number | undefined;
}

/** A node of a cluster. */
export interface ClusterNode {
  readonly server: RedisServer;
  readonly id: string;
  /** Looks at the node as an operator would. */
  readonly admin: Redis;
}

export interface SlotMove {
  /** Takes a key over that is still where the slot comes from. */
  carry(key: string): Promise<void>;
  finish(): Promise<void>;
}

/** A real Redis Cluster of the test's own: three primaries and a replica of each. */
export class RedisClusterServers implements AsyncDisposable {
  /** First the primaries, then their replicas in the same order. */
  readonly nodes: readonly ClusterNode[];
  readonly #dir: string;

  /** Made by `startRedisCluster`. */
  constructor(nodes: readonly ClusterNode[], dir: string) {
    this.nodes = nodes;
    this.#dir = dir;
  }

  /** What a `Cluster` is made with. */
  get addresses(): { host: string; port: number }[] {
    return this.nodes.map(({ server }) => ({ host: '127.0.0.1', port: server.port }));
  }

  /** The nodes whose server was not killed. */
  get running(): ClusterNode[] {
    return this.nodes.filter(({ server }) => server.isRunning);
  }

  /** Who is primary by its own account. */
  async primaries(): Promise<ClusterNode[]> {
    const roles = await Promise.all(this.running.map(({ admin }) => admin.role()));
    return this.running.filter((_, index) => roles[index]![0] === 'master');
  }

  /** The primary that keeps a key, by the account of any other. */
  async ownerOf(key: string): Promise<ClusterNode> {
    for (const node of await this.primaries()) {
      const answer = await node.admin.exists(key).catch((error: Error) => error.message);
      if (typeof answer === 'number') return node;
    }
    throw new Error(`nobody keeps ${key}`);
  }

  /** Of these keys, as a store has them if it is not told otherwise, those that a node keeps. */
  async keptBy(node: ClusterNode, keys: readonly string[]): Promise<string[]> {
    const owners = await Promise.all(keys.map((key) => this.ownerOf(`sse:${key}`)));
    return keys.filter((_, index) => owners[index] === node);
  }

  async replicaOf({ server }: ClusterNode): Promise<ClusterNode> {
    for (const node of this.running) {
      const info = await node.admin.info('replication');
      if (info.includes('role:slave') && info.includes(`master_port:${server.port}`)) return node;
    }
    throw new Error('it has no replica');
  }

  /** Makes the replica of a primary take its place, with all that is written there. */
  async failOver(primary: ClusterNode): Promise<void> {
    const replica = await this.replicaOf(primary);
    const offset = async ({ admin }: ClusterNode) =>
      /^(?:slave|master)_repl_offset:(\d+)/m.exec(await admin.info('replication'))?.[1];
    await until(async () => (await offset(primary)) === (await offset(replica)));
    await replica.admin.cluster('FAILOVER', 'TAKEOVER');
    await until(async () => (await replica.admin.role())[0] === 'master');
    await until(async () => (await primary.admin.role())[0] === 'slave');
  }

  /** Begins to move the slot of a key to another primary. Until the end, its keys are partly here and partly there. */
  async startMove(key: string): Promise<SlotMove> {
    const from = await this.ownerOf(key);
    const to = (await this.primaries()).find((node) => node !== from)!;
    const slot = Number(await from.admin.cluster('KEYSLOT', key));
    await to.admin.cluster('SETSLOT', slot, 'IMPORTING', from.id);
    await from.admin.cluster('SETSLOT', slot, 'MIGRATING', to.id);
    return {
      async carry(key) {
        await from.admin.migrate('127.0.0.1', to.server.port, key, 0, 1_000);
      },
      async finish() {
        for (const { admin } of [to, from]) await admin.cluster('SETSLOT', slot, 'NODE', to.id);
      },
    };
  }

  /** The nodes to which there are connections of this name, each as often as there are. */
  async connectedTo(name: string): Promise<ClusterNode[]> {
    const lists = await Promise.all(this.running.map(({ admin }) => admin.client('LIST')));
    return this.running.flatMap((node, index) => {
      const own = String(lists[index])
        .split('\n')
        .filter((line) => line.includes(` name=${name} `));
      return own.map(() => node);
    });
  }

  /** Resolves when all primaries find the cluster whole, and all replicas follow. */
  async whole(): Promise<void> {
    for (const { admin } of this.running) {
      await until(async () => {
        const [info, replication] = await Promise.all([admin.cluster('INFO'), admin.info('replication')]);
        return /cluster_state:ok/.test(String(info)) && /role:master|master_link_status:up/.test(replication);
      });
    }
  }

  /** How often each node refused a command, by the first word of its refusal. */
  async refusals(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { admin } of this.running) {
      for (const [, word, count] of (await admin.info('errorstats')).matchAll(
        /^errorstat_(\w+):count=(\d+)/gm,
      )) {
        counts[word!] = (counts[word!] ?? 0) + Number(count);
      }
    }
    return counts;
  }

  async flush(): Promise<void> {
    for (const { admin } of await this.primaries()) await admin.flushall();
  }

  async stop(): Promise<void> {
    for (const { admin, server } of this.nodes) {
      admin.disconnect();
      await server.stop();
    }
    await rm(this.#dir, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Resolves when all slots are served and replicated. */
export async function startRedisCluster({
  nodeTimeout = 30_000,
}: RedisClusterOptions = {}): Promise<RedisClusterServers> {
  const dir = await mkdtemp(join(tmpdir(), 'sse-trigger-cluster-'));
  const indexes = Array.from({ length: 2 * PRIMARIES }, (_, index) => index);
  const free = await freePorts(2 * indexes.length);
  const ports = indexes.map((index) => ({ port: free[2 * index]!, bus: free[2 * index + 1]! }));
  const idOf = (index: number) => `${index}`.padStart(40, '0');
  const firstSlot = (primary: number) => Math.ceil((SLOTS * primary) / PRIMARIES);
  // They start as if they had known each other for long, which takes less than to introduce them.
  const line = (index: number, myself: string) => {
    const primary = index % PRIMARIES;
    const { port, bus } = ports[index]!;
    const isPrimary = index < PRIMARIES;
    const role = isPrimary ? 'master -' : `slave ${idOf(primary)}`;
    const slots = isPrimary ? ` ${firstSlot(primary)}-${firstSlot(primary + 1) - 1}` : '';
    return `${idOf(index)} 127.0.0.1:${port}@${bus} ${myself}${role} 0 0 ${primary + 1} connected${slots}\n`;
  };
  const starts = await Promise.allSettled(
    ports.map(async ({ port, bus }, self) => {
      const own = join(dir, `${self}`);
      const known = indexes.map((index) => line(index, index === self ? 'myself,' : ''));
      await mkdir(own);
      await writeFile(join(own, 'nodes.conf'), `${known.join('')}vars currentEpoch 6 lastVoteEpoch 0\n`);
      const args = ['--cluster-enabled', 'yes', '--cluster-port', `${bus}`];
      args.push('--cluster-node-timeout', `${nodeTimeout}`, '--cluster-allow-replica-migration', 'no');
      const server = await startRedis({ port, dir: own, args });
      const admin = new Redis(port, { lazyConnect: true });
      admin.on('error', () => {});
      return { id: idOf(self), server, admin };
    }),
  );
  const nodes = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const servers = new RedisClusterServers(nodes, dir);
  try {
    for (const start of starts) if (start.status === 'rejected') throw start.reason;
    await servers.whole();
  } catch (error) {
    await servers.stop();
    throw error;
  }
  return servers;
}
