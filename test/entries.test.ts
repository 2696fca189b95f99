import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const top = fileURLToPath(new URL('..', import.meta.url));

/** A project with the package in it and the types of Node, but not those of Express. */
let project: string;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'sse-trigger-entries-'));
  const installed = join(project, 'node_modules/sse-trigger');
  await mkdir(join(project, 'node_modules/@types'), { recursive: true });
  await mkdir(installed);
  for (const part of ['package.json', 'dist']) {
    await cp(join(top, part), join(installed, part), { recursive: true });
  }
  for (const types of ['@types/node', 'undici-types']) {
    await symlink(join(top, 'node_modules', types), join(project, 'node_modules', types));
  }
});

afterAll(() => rm(project, { recursive: true }));

it('has types for other servers that need none of Express, checked to the bottom', async () => {
  const source = `
    import { createServer } from 'node:http';
    import { openStream, SseTrigger, streamOptions } from 'sse-trigger/node';
    import * as fetch from 'sse-trigger/fetch';

    const trigger = new SseTrigger();
    const prices = streamOptions(trigger, { key: 'prices', data: () => [1] });
    createServer((req, res) => openStream(trigger, req, res, prices));
    const sameForFetch = fetch.streamOptions(trigger, { key: 'prices', data: () => [1] });
    export const GET = (request: Request) => fetch.streamResponse(trigger, request, sameForFetch);`;
  expect(await compile(source)).toBe('');
});

it('needs them for its main entry only, and would notice', async () => {
  expect(await compile(`export { streamSse } from 'sse-trigger';`)).toContain("Cannot find module 'express'");
});

it('runs a fetch server on these parts of Node, and not on its servers', async () => {
  const modules = new Set(['fetch.js']);
  const builtins = new Set<string>();
  for (const module of modules) {
    const source = await readFile(join(top, 'dist', module), 'utf8');
    for (const [, imported = ''] of source.matchAll(/^(?:import|export) .*from '([^']+)';$/gm)) {
      if (imported.startsWith('.')) modules.add(join(module, '..', imported));
      else builtins.add(imported);
    }
  }
  expect([...builtins].sort()).toEqual([
    'keyv',
    'node:async_hooks',
    'node:crypto',
    'node:diagnostics_channel',
    'node:timers/promises',
  ]);
});

/** What the compiler has to say of it. */
async function compile(source: string): Promise<string> {
  const options = ['--strict', '--noEmit', '--target', 'es2023', '--module', 'nodenext', '--types', 'node'];
  // What is linked is looked at where the link is, so that it finds nothing of ours.
  const deep = ['--skipLibCheck', 'false', '--preserveSymlinks'];
  await writeFile(join(project, 'main.ts'), source);
  const tsc = join(top, 'node_modules/typescript/bin/tsc');
  return new Promise((resolve) => {
    execFile(process.execPath, [tsc, ...options, ...deep, 'main.ts'], { cwd: project }, (_, stdout) =>
      resolve(stdout),
    );
  });
}
