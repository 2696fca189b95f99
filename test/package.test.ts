import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const top = fileURLToPath(new URL('..', import.meta.url));

/** A project with nothing in it but the packed package: neither express nor ioredis. */
let project: string;
let packed: string[];

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'sse-trigger-package-'));
  const pack = await run(top, 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', project);
  const [{ filename, files }] = JSON.parse(pack);
  packed = files.map(({ path }: { path: string }) => path);
  await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  await run(project, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', `./${filename}`);
  // Types that an application with express has as well. A link finds what it needs itself in our own node modules.
  await mkdir(join(project, 'node_modules/@types'), { recursive: true });
  for (const types of ['node_modules/@types/express', 'node_modules/@types/node']) {
    await symlink(join(top, types), join(project, types));
  }
}, 120_000);

afterAll(() => rm(project, { recursive: true }));

it('packs what was built from src, and the papers', () => {
  const source = (path: string) => path.replace(/^dist\//, 'src/').replace(/(\.d\.ts|\.js)$/, '.ts');
  const built = packed.filter((path) => path.startsWith('dist/') && existsSync(join(top, source(path))));
  expect(built).toContain('dist/index.js');
  expect(packed.filter((path) => !built.includes(path)).sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'package.json',
  ]);
});

it('runs as ES modules and lets the process end', async () => {
  const output = await node(
    'main.mjs',
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
  expect(output).toBe('function function function function\ntrue\n');
});

it('can be required from CommonJS', async () => {
  const output = await node(
    'main.cjs',
    `const { SseTrigger } = require('sse-trigger');
    const trigger = new SseTrigger();
    trigger.push('ticker').then((stored) => {
      console.log(stored);
      return trigger.close();
    });`,
  );
  expect(output).toBe('true\n');
});

it.each([
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
])('has types for module %s with moduleResolution %s', async (module, moduleResolution) => {
  const options = ['--strict', '--noEmit', '--target', 'es2022', '--types', 'node'];
  await writeFile(
    join(project, 'main.ts'),
    `import { SseTrigger, streamSse } from 'sse-trigger';
    import { KeyvStore } from 'sse-trigger/keyv';
    import { RedisStore } from 'sse-trigger/redis';
    import { readEvents } from 'sse-trigger/testing';
    import express from 'express';

    const trigger = new SseTrigger<\`order:\${string}\`>();
    express().get(
      '/orders/:id/stream',
      streamSse(trigger, {
        subject: (req) => req.get('x-order'),
        key: (id) => \`order:\${id}\`,
        data: (id) => ({ id: id.toUpperCase() }),
      }),
    );
    export const stored: PromiseLike<boolean> = trigger.push('order:1');
    export const others = [KeyvStore, RedisStore, readEvents];

    // @ts-expect-error: not one of the keys
    trigger.push('ticker');
    // @ts-expect-error: data does not get the request
    streamSse(trigger, { key: 'order:1', data: (req: express.Request) => req.path });`,
  );
  const tsc = join(top, 'node_modules/typescript/bin/tsc');
  const resolution = ['--module', module, '--moduleResolution', moduleResolution];
  expect(await run(project, process.execPath, tsc, ...options, ...resolution, 'main.ts')).toBe('');
});

async function node(file: string, source: string): Promise<string> {
  await writeFile(join(project, file), source);
  return run(project, process.execPath, file);
}

/** What a program that ends well wrote to stdout. */
function run(cwd: string, program: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, npm_config_loglevel: 'error' }; // under `npm --silent`, npm pack would say nothing
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd, env, timeout: 60_000 }, (error, stdout) => {
      if (error) reject(new Error(`${error.message}\n${stdout}`));
      else resolve(stdout);
    });
  });
}
