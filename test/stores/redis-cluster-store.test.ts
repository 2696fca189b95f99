import { Cluster as Cluster6 } from 'ioredis';
import { Cluster as Cluster5 } from 'ioredis5';
import { afterAll, beforeAll } from 'vitest';
import { RedisStore } from '../../src/stores/redis-store.ts';
import { type RedisClusterServers, startRedisCluster } from '../support/redis-cluster.ts';
import { storeConformance } from './conformance.ts';

let servers: RedisClusterServers;

beforeAll(async () => {
  servers = await startRedisCluster();
});

afterAll(() => servers.stop());

const versions = { 'ioredis 5': Cluster5 as unknown as typeof Cluster6, 'ioredis 6': Cluster6 };

for (const [version, Cluster] of Object.entries(versions)) {
  storeConformance(`RedisStore with a Cluster of ${version}`, ['subscribe', 'writeRaw', 'silence'], () => {
    const client = new Cluster(servers.addresses, { keyPrefix: 'ignored:' });
    const raw = new Cluster(servers.addresses);
    return {
      store: new RedisStore(client),
      another: () => new RedisStore(client),
      writeRaw: (key, text) => raw.set(`sse:${key}`, text),
      useHandedIn: () => client.ping(),
      silence: async () => {
        const all = (signal: NodeJS.Signals) =>
          Promise.all(servers.nodes.map(({ server }) => server.kill(signal)));
        await all('SIGSTOP');
        return async () => {
          await all('SIGCONT');
        };
      },
      dispose: async () => {
        client.disconnect();
        raw.disconnect();
        await servers.flush();
      },
    };
  });
}
