import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './run.ts';
import type { Tarball } from './tarball.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const quietly = ['--prefer-offline', '--no-audit', '--no-fund'];

/** A project somewhere else, with nothing of this repository in it but the packed package. */
export class Project implements AsyncDisposable {
  readonly folder: string;

  /** Made by `install`. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** Writes a file, with the folders that it is in. */
  async write(file: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.folder, file)), { recursive: true });
    await writeFile(join(this.folder, file), text);
  }

  /** Runs a file with this Node, and gives what it printed. */
  node(file: string, env?: Readonly<Record<string, string>>): Promise<string> {
    return run(this.folder, process.execPath, [file], env);
  }

  /** Compiles with a TypeScript of another place, and gives its complaints. */
  tsc(typescript: string, ...args: string[]): Promise<string> {
    const options = ['--strict', '--target', 'es2022', '--types', 'node', ...args];
    return run(this.folder, process.execPath, [join(typescript, 'bin/tsc'), ...options]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true });
  }
}

/**
 * @param like a folder beside this file with a package.json and a lock file of what else the project uses: the lock
 *   file has npm install the same today and in a year, whatever it has in its cache.
 */
export async function install(tarball: Tarball, like: string): Promise<Project> {
  const project = new Project(await mkdtemp(join(tmpdir(), `sse-trigger-${like}-`)));
  await cp(join(here, like), project.folder, {
    recursive: true,
    filter: (path) => !path.endsWith('node_modules'),
  });
  await run(project.folder, 'npm', ['install', ...quietly, tarball.file]);
  return project;
}
