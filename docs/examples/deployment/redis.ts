import { Cluster, Redis } from 'ioredis';
import { RedisStore } from 'sse-trigger/redis';

interface Address {
  host: string;
  port: number;
}

export function bySentinels(sentinels: Address[]) {
  return new RedisStore(new Redis({ sentinels, name: 'main', lazyConnect: true }));
}

export function onCluster(nodes: Address[]) {
  return new RedisStore(new Cluster(nodes, { lazyConnect: true }));
}
