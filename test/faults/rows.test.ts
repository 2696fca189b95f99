import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const TESTS = new URL('..', import.meta.url);
const GUARANTEES = new URL('../../docs/guarantees.md', import.meta.url);
/** How many faults are written down: on the wire, of clients, in `data`, of the store, of sessions and permissions. */
const FAULTS = 10 + 7 + 5 + 14 + 8;

interface Row {
  /** None for what is promised beyond the list of faults. */
  readonly id: string;
  /** As the guarantees call them. */
  readonly tests: readonly string[];
}

/** The rows of all tables whose last column says what tests them. */
function rows(): Row[] {
  const lines = readFileSync(GUARANTEES, 'utf8').split('\n');
  return lines.flatMap((line) => {
    const cells = /^\| ([A-Z]\d+)? ?\|.*\| ([^|]+) \|$/.exec(line);
    if (cells === null) return [];
    const [, id = '', names = ''] = cells;
    const tests = names.match(/(?<=`)[\w/-]+(?=`)|\bsimulation\b(?!\/)/g) ?? [];
    return tests.length === 0 ? [] : [{ id, tests }];
  });
}

it('finds each fault by its id in each test that the guarantees name for it', () => {
  const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' });
  /** What it says but in comments, or nothing where there is no such file. */
  const names = (test: string) => {
    const file = files.find((file) =>
      [`/${test}.test.ts`, `/${test}.ts`].some((end) => `/${file}`.endsWith(end)),
    );
    return file === undefined
      ? ''
      : readFileSync(new URL(file, TESTS), 'utf8').replace(/^\s*(\/\/|\/?\*).*$/gm, '');
  };
  const isNamed = (id: string, test: string) => new RegExp(`['"\`].*\\b${id}\\b.*['"\`]`).test(names(test));
  const found = rows();
  expect(new Set(found.map(({ id }) => id).filter((id) => id !== '')).size).toBe(FAULTS);
  const unnamed = found.flatMap(({ id, tests }) =>
    tests.filter((test) => !isNamed(id, test)).map((test) => `${id} in ${test}`),
  );
  expect(unnamed).toEqual([]);
});
