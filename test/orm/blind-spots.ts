import { readFileSync } from 'node:fs';

/** What an adapter knows of rows that were written in some way: "no such way" is the ORM's own lack. */
export type Sight = 'seen' | 'key unknown' | 'not seen' | 'no such way';

/** Ways to write other than one row through the ORM. */
export const ways = [
  'bulk insert',
  'bulk update',
  'bulk delete',
  'upsert',
  'soft delete',
  'raw SQL',
  'cascade',
] as const;
export type Way = (typeof ways)[number];

const docs = new URL('../../docs/orm.md', import.meta.url);

/** A line of the table in docs/orm.md, which so says what the tests have seen. */
export function blindSpotsOf(orm: string): Readonly<Record<Way, Sight>> {
  const [text = ''] = readFileSync(docs, 'utf8').match(/^\| .*bulk insert.*\n(\|.*\n)*/m) ?? [];
  const [head, ...table] = text.split('\n').map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  const cells = table.find(([name]) => name === orm);
  if (head === undefined || cells === undefined) throw new Error(`docs/orm.md has no blind spots of ${orm}`);
  return Object.fromEntries(ways.map((way) => [way, cells[head.indexOf(way)]])) as Record<Way, Sight>;
}
