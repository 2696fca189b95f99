import { execFileSync } from 'node:child_process';

/** What of the source a run was made of. */
export interface Revision {
  /** The short hash of the commit. */
  readonly hash: string;
  /** Whether files differed from it, other than those that the bench writes. */
  readonly dirty: boolean;
}

const WRITTEN = ['bench/results', 'bench/README.md'];

/** Undefined when this is no working tree of git. */
export function thisRevision(): Revision | undefined {
  try {
    const hash = git('rev-parse', '--short', 'HEAD');
    const others = WRITTEN.map((path) => `:(top,exclude)${path}`);
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', ':(top)', ...others);
    return { hash, dirty: changed !== '' };
  } catch {
    return undefined;
  }
}

function git(...args: string[]): string {
  const stdio = ['ignore', 'pipe', 'ignore'] as const;
  return execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: [...stdio] }).trim();
}
