import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './run.ts';

/** The top of the repository. */
export const top = fileURLToPath(new URL('../..', import.meta.url));

/** The package as npm would publish it, of what was built last, in a folder of its own. */
export interface Tarball extends AsyncDisposable {
  readonly file: string;
  /** What is in it. */
  readonly paths: readonly string[];
}

export async function pack(): Promise<Tarball> {
  const folder = await mkdtemp(join(tmpdir(), 'sse-trigger-tarball-'));
  // The scripts would build anew, under the feet of other tests.
  const output = await run(top, 'npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]);
  const [{ filename, files }] = JSON.parse(output);
  return {
    file: join(folder, filename),
    paths: files.map(({ path }: { path: string }) => path),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
