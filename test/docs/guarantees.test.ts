import { expect, it } from 'vitest';
import { MUTANTS } from '../simulation/mutants.ts';
import { filesIn, read } from './pages.ts';

const PAGES = ['README.md', 'docs/guarantees.md'];

/** The words of a page, wherever its lines end and its links lead. */
function words(page: string): string {
  return read(page)
    .replaceAll(/\]\([^)]*\)|\[/g, '')
    .replaceAll(/\s+/g, ' ');
}

it.each(PAGES)('%s says how many broken engines the simulation has to catch', (page) => {
  expect(words(page)).toContain(`${MUTANTS.length} broken engines`);
});

it('gives the same guarantee wherever it stands', () => {
  const [here, there] = PAGES.map((page) => read(page).match(/^>.*$/gm)!.join('\n'));
  expect(here).toMatch(/^> \*\*Convergence\.\*\*/);
  expect(there).toBe(here);
});

it('names for each fault the tests that bear its id', () => {
  const tests = filesIn('test').map((path) => ({ path, text: read(path) }));
  const rows = [...read('docs/guarantees.md').matchAll(/^\| ([A-Z]\d+) \|.*\| ([^|]+) \|$/gm)];
  expect(rows.length).toBeGreaterThan(40);
  const wanting = rows.flatMap(([, id, column]) => {
    const names = [...column!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
    const about = tests.filter(({ text }) => new RegExp(`\\b${id}\\b`).test(text)).map(({ path }) => path);
    return names
      .filter((name) => !about.some((path) => path.includes(`/${name}.`)))
      .map((name) => `${id}: ${name}`);
  });
  expect(wanting).toEqual([]);
});
