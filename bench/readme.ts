import { readFile, writeFile } from 'node:fs/promises';

const BEGIN = '<!-- results: written by `npm run bench` -->';
const END = '<!-- end of results -->';

const file = new URL('../README.md', import.meta.url);

/** Puts the results of a full run in the place that README.md has for them. */
export async function updateReadme(results: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  const [before, after] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (before < 0 || after < before) throw new Error(`bench/README.md lacks ${BEGIN} or ${END}`);
  const begin = text.slice(0, before + BEGIN.length);
  await writeFile(file, `${begin}\n\n${results}\n\n${text.slice(after)}`);
}
