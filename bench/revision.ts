import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';

/** What of the source a run was made of. */
export interface Revision {
  /** The short hash of the commit. */
  readonly hash: string;
  /** A hash of the files that decide what is measured and how. It stays when a commit changes others, such as results. */
  readonly measured: string;
  /** Whether some of those files differed from the commit. */
  readonly dirty: boolean;
}

const MEASURED = ['src', 'bench', 'package.json', 'package-lock.json', 'tsconfig.json'];
const WRITTEN = ['bench/results', 'bench/README.md'];
const paths = [...MEASURED.map((path) => `:(top)${path}`), ...WRITTEN.map((path) => `:(top,exclude)${path}`)];

/** Undefined when this is no working tree of git. */
export function thisRevision(): Revision | undefined {
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', ...paths);
    const files = git('ls-files', '--stage', '--', ...paths);
    return {
      hash: git('rev-parse', '--short', 'HEAD'),
      measured: createHash('sha1').update(files).digest('hex'),
      dirty: changed !== '',
    };
  } catch {
    return undefined;
  }
}

function git(...args: string[]): string {
  const stdio = ['ignore', 'pipe', 'ignore'] as const;
  return execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: [...stdio] }).trim();
}
