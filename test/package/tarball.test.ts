import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { run } from './run.ts';
import { pack, type Tarball, top } from './tarball.ts';

// npm and compilers take their time on a machine that does other things.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const tools = join(top, 'test/package/tools');
const manifest = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'));

let tarball: Tarball;

beforeAll(async () => {
  tarball = await pack();
});

afterAll(() => tarball[Symbol.asyncDispose]());

it('holds what was built from src, and the papers', () => {
  const source = (path: string) => path.replace(/^dist\//, 'src/').replace(/(\.d\.ts|\.js)$/, '.ts');
  const built = tarball.paths.filter(
    (path) => path.startsWith('dist/') && existsSync(join(top, source(path))),
  );
  expect(built).toContain('dist/index.js');
  expect(tarball.paths.filter((path) => !built.includes(path)).sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'package.json',
  ]);
});

it('is as publint would have it', async () => {
  await run(tools, 'node_modules/.bin/publint', ['--strict', tarball.file]);
});

it('has types that every resolver of TypeScript finds', async () => {
  // That rule says that require() cannot load an ES module. From the oldest Node that `engines` names on, it can.
  await run(tools, 'node_modules/.bin/attw', [tarball.file, '--ignore-rules', 'cjs-resolves-to-esm']);
});

it('tells resolvers that do not read exports the same', () => {
  const { '.': main, './package.json': _, ...subpaths } = manifest.exports;
  const entries = Object.entries<{ types: string }>(subpaths);
  const types = entries.map(([path, entry]) => [path.replace('./', ''), [entry.types]]);
  expect(manifest).toMatchObject({ main: main.default, types: main.types });
  expect(manifest.typesVersions, 'typesVersions, as exports').toEqual({ '*': Object.fromEntries(types) });
});

it('depends on Keyv alone, and tells bundlers that importing it does nothing', () => {
  expect(Object.keys(manifest.dependencies)).toEqual(['keyv']);
  expect(manifest.sideEffects).toBe(false);
});
