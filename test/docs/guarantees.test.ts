import { expect, it } from 'vitest';
import { MUTANTS } from '../simulation/mutants.ts';
import { read } from './pages.ts';

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
