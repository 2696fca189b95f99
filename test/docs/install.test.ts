import { expect, it } from 'vitest';
import { read } from './pages.ts';

const [, install] = /^## Install\n(.*?)^## /ms.exec(read('README.md'))!;
const json = (path: string) => JSON.parse(read(path));

it('the README names the releases of Node that engines names', () => {
  const ranges: string[] = json('package.json').engines.node.split('||');
  expect(ranges.length).toBeGreaterThan(1);
  const oldest = ranges.map((range) => /\d+(\.[1-9]\d*)?/.exec(range)![0]);
  expect(oldest.filter((release) => !new RegExp(`\\b${release}\\b`).test(install!))).toEqual([]);
});

it('the README names the oldest TypeScript that is tried', () => {
  const [tried] = /\d+\.\d+/.exec(json('test/package/tools/package.json').devDependencies.typescript)!;
  expect(install).toContain(`TypeScript has to be ${tried} or newer`);
});

it('the README names every entry', () => {
  const plain = (text: string) => text.toLowerCase().replaceAll('-', '');
  const readme = plain(read('README.md'));
  const names = Object.keys(json('package.json').exports).map((entry) => entry.replace(/^\.\/?/, ''));
  expect(names.filter((name) => name !== 'package.json' && !readme.includes(plain(name)))).toEqual([]);
});
