import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

/** The faults of docs/guarantees.md: on the wire, of clients, in `data`, of the store, of sessions and permissions. */
const rows = { W: 10, C: 7, D: 5, S: 14, P: 8 };

it('names a test for each fault', () => {
  const folder = fileURLToPath(new URL('..', import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const tests = files.filter((file) => file.endsWith('.test.ts') && !file.endsWith('rows.test.ts'));
  const text = tests.map((file) => readFileSync(`${folder}/${file}`, 'utf8')).join('\n');
  const ids = Object.entries(rows).flatMap(([letter, count]) =>
    Array.from({ length: count }, (_, index) => `${letter}${index + 1}`),
  );
  // Within the text that is a name.
  const isNamed = (id: string) => new RegExp(`['"\`].*\\b${id}\\b.*['"\`]`).test(text);
  expect(ids.filter((id) => !isNamed(id))).toEqual([]);
});
