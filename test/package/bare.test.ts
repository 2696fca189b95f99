import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { install, type Project } from './project.ts';
import { pack, top } from './tarball.ts';

// npm and compilers take their time on a machine that does other things.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Without Express and its types, and without a client of a store. */
let project: Project;

beforeAll(async () => {
  await using tarball = await pack();
  project = await install(tarball, 'bare');
});

afterAll(() => project[Symbol.asyncDispose]());

it('runs as ES modules and lets the process end', async () => {
  await project.write(
    'main.js',
    `import { SseTrigger, streamSse } from 'sse-trigger';
    import { KeyvStore } from 'sse-trigger/keyv';
    import { RedisStore } from 'sse-trigger/redis';
    import { readEvents } from 'sse-trigger/testing';
    const trigger = new SseTrigger();
    const handler = streamSse(trigger, { key: 'ticker', data: () => 1 });
    console.log(...[handler, KeyvStore, RedisStore, readEvents].map((value) => typeof value));
    console.log(await trigger.push('ticker'));
    await trigger.close();`,
  );
  expect(await project.node('main.js')).toBe('function function function function\ntrue\n');
});

it('has no entry that needs more to be imported, or required', async () => {
  const { name, exports } = JSON.parse(await readFile(join(top, 'package.json'), 'utf8'));
  const paths = Object.keys(exports).filter((path) => path !== './package.json');
  const entries = JSON.stringify(paths.map((path) => path.replace('.', name)));
  await project.write('import.js', `for (const entry of ${entries}) await import(entry);`);
  await project.write('require.cjs', `for (const entry of ${entries}) require(entry);`);
  await Promise.all([project.node('import.js'), project.node('require.cjs')]);
});

it('can be required from CommonJS', async () => {
  await project.write(
    'main.cjs',
    `const { SseTrigger } = require('sse-trigger');
    const { RedisStore } = require('sse-trigger/redis');
    console.log(typeof RedisStore);
    const trigger = new SseTrigger();
    trigger.push('ticker').then((stored) => {
      console.log(stored);
      return trigger.close();
    });`,
  );
  expect(await project.node('main.cjs')).toBe('function\ntrue\n');
});

it('serves plain http, with types for who passes over the declarations of others', async () => {
  const source = await readFile(fileURLToPath(new URL('plain-http.ts', import.meta.url)), 'utf8');
  await project.write('plain-http.ts', source);
  const typescript = join(top, 'node_modules/typescript');
  await project.tsc(typescript, '--module', 'nodenext', '--noEmit', '--skipLibCheck', 'plain-http.ts');
});

it('loads no more than its budget', async () => {
  await project.write('server.js', `import 'sse-trigger';\nimport 'sse-trigger/redis';`);
  const loaded = await filesOf('server.js');
  const own = loaded.filter(({ path }) => path.includes('/node_modules/sse-trigger/dist/'));
  // When this was written: 66 files with 193 KB, and 31 KB of Keyv.
  expect(own.length).toBeGreaterThan(40);
  expect(own.length, 'files').toBeLessThanOrEqual(70);
  expect(bytesOf(own), 'bytes').toBeLessThanOrEqual(205_000);
  expect(bytesOf(loaded), 'bytes with those of dependencies').toBeLessThanOrEqual(240_000);
});

interface LoadedFile {
  readonly path: string;
  readonly bytes: number;
}

function bytesOf(files: readonly LoadedFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What Node loads for a program: its report of coverage names every file. */
async function filesOf(program: string): Promise<readonly LoadedFile[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sse-trigger-loaded-'));
  try {
    await project.node(program, { NODE_V8_COVERAGE: folder });
    const [report] = await readdir(folder);
    const { result } = JSON.parse(await readFile(join(folder, report!), 'utf8'));
    const urls: string[] = result.map(({ url }: { url: string }) => url);
    const paths = urls.filter((url) => url.startsWith('file:')).map((url) => fileURLToPath(url));
    return Promise.all(paths.map(async (path) => ({ path, bytes: (await stat(path)).size })));
  } finally {
    await rm(folder, { recursive: true });
  }
}
