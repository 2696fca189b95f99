import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Cluster } from 'ioredis';
import { expect, it } from 'vitest';
import { RedisStore } from '../../src/stores/redis-store.ts';
import { Crowd } from '../support/crowd.ts';
import { type ClusterNode, type RedisClusterServers, startRedisCluster } from '../support/redis-cluster.ts';
import type { StreamApp } from '../support/stream-app.ts';
import { until } from '../support/until.ts';

/** Milliseconds of silence after which a node is held to be dead. A busy machine may have others be silent as well. */
const NODE_TIMEOUT = 2_500;
const LONG = 100_000;

/** Over all nodes. */
const keys = Array.from({ length: 200 }, (_, index) => `key${index}`);

/** Two processes that do not wake each other, unless they are to, so that only the polls tell them. */
function startCrowd(servers: RedisClusterServers, wake = false): Promise<Crowd> {
  const stores = [1, 2].map(
    () => new RedisStore(new Cluster(servers.addresses, { lazyConnect: true }), { wake }),
  );
  return Crowd.start(stores, keys);
}

async function promoted({ admin }: ClusterNode): Promise<void> {
  await until(async () => (await admin.role())[0] === 'master', 30_000);
}

/** Everybody writes again what was not taken. */
async function unsentIsSent({ apps }: Crowd): Promise<void> {
  await until(() => apps.every(({ trigger }) => trigger.stats().unsent === 0));
}

async function endsWell(servers: RedisClusterServers, crowd: Crowd): Promise<void> {
  await unsentIsSent(crowd);
  for (const app of [0, 1]) {
    expect(await crowd.save(keys, app)).toBe(true);
    await crowd.converged();
  }
  expect(crowd.isInTime).toBe(true);
  expect(await servers.refusals()).not.toHaveProperty('CROSSSLOT');
}

it(
  'S6: a replica that lacks acknowledged pushes takes over for a node that was killed',
  async () => {
    await using servers = await startRedisCluster({ nodeTimeout: NODE_TIMEOUT });
    await using crowd = await startCrowd(servers);
    const node = await servers.ownerOf('sse:key0');
    const replica = await servers.replicaOf(node);
    const own = await servers.keptBy(node, keys);
    const id = await crowd.leaveWithId('key0');

    const looked = await crowd.runsDuring(async () => {
      for (const { admin } of servers.nodes) await admin.call('CLIENT', 'KILL', 'TYPE', 'normal');
      await crowd.polls(3);
    });
    expect(looked.size).toBe(0);

    await node.admin.acl('SETUSER', 'default', '-psync', '-sync');
    await node.admin.call('CLIENT', 'KILL', 'TYPE', 'replica');
    const lost = own.slice(0, 20);
    const looks = await crowd.runsDuring(async () => {
      expect(await crowd.save(lost)).toBe(true);
      await node.server.kill();
      await promoted(replica);
      await crowd.converged();
      await servers.whole();
      await crowd.converged();
    });
    for (const key of lost) expect(looks).toContain(key);
    for (const key of looks) expect(own).toContain(key);

    await using back = await crowd.comeBack('key0', id);
    expect((await back.next()).data).toBe('2');
    await endsWell(servers, crowd);
  },
  LONG,
);

it(
  'S6: a node hangs while its replica takes over, and then goes on',
  async () => {
    await using servers = await startRedisCluster({ nodeTimeout: NODE_TIMEOUT });
    await using crowd = await startCrowd(servers);
    const node = await servers.ownerOf('sse:key0');
    const replica = await servers.replicaOf(node);
    await node.server.kill('SIGSTOP');
    expect(await crowd.save(keys)).toBe(false);
    await promoted(replica);
    await crowd.converged();
    await node.server.kill('SIGCONT');
    await servers.whole();
    await endsWell(servers, crowd);
  },
  LONG,
);

it(
  'S6, S10: slots are moved while pushes go on (MOVED): none is refused, and every stream converges',
  async () => {
    await using servers = await startRedisCluster();
    await using crowd = await startCrowd(servers);
    const [from, to] = await servers.primaries();
    const at = `127.0.0.1:${from!.server.port}`;
    const ways = [
      '--cluster-from',
      from!.id,
      '--cluster-to',
      to!.id,
      '--cluster-slots',
      '1000',
      '--cluster-yes',
    ];
    let isMoving = true;
    const moving = promisify(execFile)('redis-cli', ['--cluster', 'reshard', at, ...ways]).finally(() => {
      isMoving = false;
    });
    let pushes = 0;
    let taken = 0;
    const push = async () => {
      while (isMoving) {
        pushes += 1;
        if (await crowd.save([keys[pushes % 200]!, keys[(7 * pushes) % 200]!], pushes % 2)) taken += 1;
      }
    };
    await Promise.all([moving, push()]);
    expect(taken).toBe(pushes);
    await crowd.converged();
    expect((await servers.refusals()).MOVED).toBeGreaterThan(0);
    await endsWell(servers, crowd);
  },
  LONG,
);

it(
  'S10: a node finds the cluster down: its pushes are false and say why, others go on, and all is made up for',
  async () => {
    await using servers = await startRedisCluster();
    await using crowd = await startCrowd(servers, true);
    const node = await servers.ownerOf('sse:key0');
    const own = await servers.keptBy(node, keys);
    const others = keys.filter((key) => !own.includes(key));
    const [{ trigger }] = crowd.apps as [StreamApp];
    const slot = Number(await node.admin.cluster('KEYSLOT', 'sse:key0'));
    await node.admin.cluster('DELSLOTS', slot);
    await until(() => trigger.stats().storeDown);
    expect(trigger.stats().storeError).toMatchObject({
      code: 'read_failed',
      message: expect.stringContaining('CLUSTERDOWN'),
    });
    expect(await crowd.save(others)).toBe(true);
    await crowd.converged();
    expect(await crowd.save(own)).toBe(false);
    expect(trigger.stats().storeError).toMatchObject({
      code: 'write_failed',
      message: expect.stringContaining('CLUSTERDOWN'),
    });
    await node.admin.cluster('ADDSLOTS', slot);
    await crowd.converged();
    await endsWell(servers, crowd);
  },
  LONG,
);
