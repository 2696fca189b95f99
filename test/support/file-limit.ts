import { execFileSync } from 'node:child_process';

/** How many files, and so connections, a process may have open. Node takes as many as it is allowed. */
export function fileLimit(): number {
  const limit = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
}
