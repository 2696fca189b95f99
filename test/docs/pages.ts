import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
/** Folders of what tools have made, or brought, or links to them. */
const FOREIGN = new Set(['node_modules', 'dist', 'generated', 'results']);

/** The files of a folder and of those in it, by their paths from the top of the repository, without what is not its own. */
export function filesIn(folder: string): string[] {
  const entries = readdirSync(join(TOP, folder), { withFileTypes: true });
  const own = entries.filter(({ name }) => !FOREIGN.has(name));
  const paths = own.flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesIn(path) : [path];
  });
  return paths.sort();
}

/** The pages at the top, and those of `docs`. */
export function pages(): string[] {
  const atTop = readdirSync(TOP).filter((name) => name.endsWith('.md'));
  return [...atTop, ...filesIn('docs').filter((path) => path.endsWith('.md'))];
}

export function read(path: string): string {
  return readFileSync(join(TOP, path), 'utf8');
}

/** A fenced block of a page. */
export interface Block {
  /** Where it begins, such as `README.md:6`. */
  readonly at: string;
  /** Such as `ts`. */
  readonly language: string;
  readonly lines: readonly string[];
}

export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let open: { at: string; language: string; lines: string[] } | undefined;
  for (const [index, line] of read(page).split('\n').entries()) {
    const fence = /^ *```(.*)$/.exec(line);
    if (fence === null) {
      open?.lines.push(line);
    } else if (open === undefined) {
      open = { at: `${page}:${index + 1}`, language: fence[1]!.trim(), lines: [] };
    } else {
      blocks.push({ ...open, lines: dedent(open.lines) });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`the block at ${open.at} has no end`);
  return blocks;
}

/** Whether the lines stand in `text` one below the other, as they are or all indented alike. */
export function standsIn(text: string, lines: readonly string[]): boolean {
  const all = text.split('\n');
  return all.some((first, start) => {
    if (!first.endsWith(lines[0]!)) return false;
    const indent = first.slice(0, first.length - lines[0]!.length);
    if (indent.trim() !== '') return false;
    return lines.every((line, index) => all[start + index] === (line === '' ? '' : indent + line));
  });
}

function dedent(lines: readonly string[]): string[] {
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/));
  const indent = Math.min(...indents);
  return lines.map((line) => line.slice(indent).trimEnd());
}
