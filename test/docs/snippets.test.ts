import { join } from 'node:path/posix';
import { describe, expect, it } from 'vitest';
import { type Block, blocksOf, filesIn, pages, read, standsIn } from './pages.ts';

/**
 * Where the code of the pages stands. That of `docs/examples` is run by tests, of which most are beside this one; the
 * rest is run by the tests of the demo, and by those of proxies (`docs/nginx.conf`).
 */
const SOURCES = ['docs', 'demo'];

/** Their blocks are for a terminal, or show what is sent. */
const NO_CODE = ['', 'sh', 'text'];
/** Ends the language of a block that shows another one than ours, as ```php no-run. */
const NO_RUN = / no-run$/;

const sources = SOURCES.flatMap(filesIn).filter((path) => !path.endsWith('.md'));
const texts = new Map(sources.map((path) => [path, read(path)]));
/** Without what only says which modules some of them need. */
const examples = sources.filter((path) =>
  /^docs\/examples\/.*(?<!\/(package|package-lock|tsconfig)\.json|\/\.npmrc)$/.test(path),
);

describe.each(pages())('%s', (page) => {
  const blocks = blocksOf(page);

  it('shows no code but what a test runs', () => {
    const code = blocks.filter(({ language }) => !NO_CODE.includes(language) && !NO_RUN.test(language));
    const wanting = code.filter((block) => !isSomewhere(block)).map(({ at }) => at);
    expect(wanting).toEqual([]);
  });

  it('calls no script that npm does not have', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: object };
    const called = blocks
      .filter(({ language }) => language === 'sh')
      .flatMap(({ lines }) => [...lines.join('\n').matchAll(/^npm run ([\w:]+)/gm)].map(([, name]) => name!));
    expect(called.filter((name) => !(name in scripts))).toEqual([]);
  });
});

it('has no example that no test takes', () => {
  const found = taken();
  expect(examples.filter((path) => !found.has(path))).toEqual([]);
});

function isSomewhere({ lines }: Block): boolean {
  return [...texts.values()].some((text) => standsIn(text, lines));
}

/** What a test names by its path, and what that imports. */
function taken(): Set<string> {
  const tests = filesIn('test').map(read).join('\n');
  const found = new Set(examples.filter((path) => tests.includes(path)));
  for (const path of found) for (const imported of importsOf(path)) found.add(imported);
  return found;
}

function importsOf(path: string): string[] {
  // Of what is no source, such as the entities of test/orm, nothing that matters here is imported.
  const imports = texts.get(path)?.matchAll(/(?:from|import) '(\.[^']+)'/g) ?? [];
  return [...imports].map(([, to]) => join(path, '..', to!));
}
