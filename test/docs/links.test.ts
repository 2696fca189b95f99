import { existsSync } from 'node:fs';
import { join } from 'node:path/posix';
import { expect, it } from 'vitest';
import { pages, read } from './pages.ts';

const CODE = /^ *```.*?^ *```$/gms;
const LINK = /\]\(([^)\s]+)\)/g;

it.each([...pages(), 'bench/README.md'])('%s links to files and headings that are there', (page) => {
  const broken = linksOf(page).filter((link) => !leadsSomewhere(page, link));
  expect(broken).toEqual([]);
});

it('lists every page of docs in its index', () => {
  const listed = linksOf('docs/README.md').map((link) => join('docs', link));
  const all = pages().filter((page) => page.startsWith('docs/') && page !== 'docs/README.md');
  expect(all.filter((page) => !listed.includes(page))).toEqual([]);
});

/** Those within the repository. */
function linksOf(page: string): string[] {
  const links = [...read(page).replace(CODE, '').matchAll(LINK)].map(([, to]) => to!);
  return links.filter((link) => !/^[a-z]+:/.test(link));
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', heading] = link.split('#');
  const file = path === '' ? page : join(page, '..', path);
  if (file.startsWith('..') || !existsSync(file)) return false;
  return heading === undefined || anchorsOf(file).includes(heading);
}

/** As GitHub makes them of the headings of a page. */
function anchorsOf(file: string): string[] {
  const anchors: string[] = [];
  for (const [, heading] of read(file)
    .replace(CODE, '')
    .matchAll(/^#+ (.+)$/gm)) {
    const text = heading!.replace(/\]\([^)]*\)/g, '').toLowerCase();
    const anchor = text.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replaceAll(' ', '-');
    const before = anchors.filter((other) => other.replace(/-\d+$/, '') === anchor).length;
    anchors.push(before === 0 ? anchor : `${anchor}-${before}`);
  }
  return anchors;
}
