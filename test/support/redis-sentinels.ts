import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type RedisServer, type RedisServerOptions, startRedis } from './redis-server.ts';
import { until } from './until.ts';

/** A Redis with a replica, and Sentinels that have the one take over from the other. */
export interface RedisSentinels extends AsyncDisposable {
  /** What a `Redis` is made with. */
  readonly options: { sentinels: { host: string; port: number }[]; name: string };
  /** At first. */
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  /** Resolves when all Sentinels say that the replica has taken over. */
  promoted(): Promise<void>;
  stop(): Promise<void>;
}

const NAME = 'main';
const SENTINELS = 3;

/**
 * Resolves when the Sentinels know each other and the replica.
 *
 * @param downAfter Milliseconds of silence after which the primary is held to be dead.
 */
export async function startSentinels(downAfter = 30_000): Promise<RedisSentinels> {
  const dir = await mkdtemp(join(tmpdir(), 'sse-trigger-sentinel-'));
  const servers: RedisServer[] = [];
  const admins: Redis[] = [];
  const start = async (options?: RedisServerOptions) => {
    const server = await startRedis(options);
    servers.push(server);
    return server;
  };
  const watch = ({ port }: RedisServer) => admins.push(new Redis(port).on('error', () => {}));
  /** Resolves when the replica and all Sentinels know of something. */
  const known = async (what: RegExp) => {
    for (const admin of admins) await until(async () => what.test(await admin.info()), 20_000);
  };
  const stop = async () => {
    for (const admin of admins) admin.disconnect();
    for (const server of servers.reverse()) await server.stop();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const primary = await start();
    const replica = await start({ args: ['--replicaof', `127.0.0.1 ${primary.port}`] });
    watch(replica);
    const sentinels: { host: string; port: number }[] = [];
    for (let index = 0; index < SENTINELS; index += 1) {
      const config = join(dir, `${index}.conf`);
      const rules = {
        monitor: `127.0.0.1 ${primary.port} 2`,
        'down-after-milliseconds': downAfter,
        'failover-timeout': 2_000,
      };
      const lines = Object.entries(rules).map(([rule, value]) => `sentinel ${rule} ${NAME} ${value}\n`);
      await writeFile(config, lines.join(''));
      const sentinel = await start({ sentinel: config });
      watch(sentinel);
      sentinels.push({ host: '127.0.0.1', port: sentinel.port });
    }
    await known(new RegExp(`master_link_status:up|slaves=1,sentinels=${SENTINELS}`));
    return {
      options: { sentinels, name: NAME },
      primary,
      replica,
      promoted: () => known(new RegExp(`role:master|address=127.0.0.1:${replica.port},`)),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
