import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { install, type Project } from './project.ts';
import { pack, type Tarball, top } from './tarball.ts';

// npm and compilers take their time on a machine that does other things.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const oldest = {
  like: 'oldest',
  uses: 'Express 4.17, ioredis 5.3, Keyv 5.6 and TypeScript 5.4',
  typescript: 'test/package/tools/node_modules/typescript',
  // There this means moduleResolution node10, which does not read exports. The declarations of others were just checked.
  commonjs: ['--module', 'commonjs', '--skipLibCheck'],
  others: [],
};
const newest = {
  like: 'newest',
  // Keyv 6 asks for Node 22, yet npm installs it on Node 20 and it runs there.
  uses: 'Express 5, ioredis 6, Keyv 6 and the newest TypeScript',
  typescript: 'node_modules/typescript',
  commonjs: ['--module', 'commonjs'],
  others: [
    ['app.mts', '--module', 'node16'],
    ['app.cts', '--module', 'node20'],
    ['app.mts', '--module', 'esnext', '--moduleResolution', 'bundler'],
  ],
};
const shown = '{"id":"A7","state":"placed"}\ntrue\n{"id":"A7","state":"shipped"}\n';

/** Imports all that the package lets import. */
const entries = Object.keys(JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')).exports)
  .filter((entry) => entry !== './package.json')
  .map((entry, index) => `export * as entry${index} from '${entry.replace('.', 'sse-trigger')}';`)
  .join('\n');

let tarball: Tarball;
let redis: RedisServer;

beforeAll(async () => {
  [tarball, redis] = await Promise.all([pack(), startRedis()]);
});

afterAll(() => Promise.all([tarball[Symbol.asyncDispose](), redis[Symbol.asyncDispose]()]));

describe.each([oldest, newest])('with $uses', ({ like, typescript, commonjs, others }) => {
  const options = ['--exactOptionalPropertyTypes', '--esModuleInterop'];
  let project: Project;
  const tsc = (...args: string[]) => project.tsc(join(top, typescript), ...options, ...args);

  beforeAll(async () => {
    project = await install(tarball, like);
    const app = await readFile(join(top, 'test/package/app.ts'), 'utf8');
    await Promise.all([project.write('app.mts', app), project.write('app.cts', app)]);
  });

  afterAll(() => project[Symbol.asyncDispose]());

  it('compiles what must compile, nothing that must not, and runs as ES modules', async () => {
    const types = await readFile(join(top, 'test/types.ts'), 'utf8');
    await project.write('types.ts', types.replace("'../src/index.ts'", "'sse-trigger'"));
    await project.write('entries.mts', entries);
    await tsc('--module', 'nodenext', '--outDir', 'modules', 'app.mts', 'types.ts', 'entries.mts');
    expect(await project.node('modules/app.mjs', { REDIS_URL: redis.url })).toBe(shown + shown);
  });

  it('compiles to CommonJS and runs', async () => {
    await tsc(...commonjs, '--outDir', 'commonjs', 'app.cts');
    expect(await project.node('commonjs/app.cjs', { REDIS_URL: redis.url })).toBe(shown + shown);
  });

  it.each(others.map((args) => [args.join(' '), args]))('compiles %s', async (_, args) => {
    await tsc('--noEmit', ...args);
  });
});
