import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { environment } from './programs.ts';

/** On what a run was measured. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  /** Of Node, of other programs that are there, and of the packages that are compared. */
  readonly versions: Readonly<Record<string, string>>;
}

export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    versions: { Node: process.versions.node, ...programVersions(), ...packageVersions() },
  };
}

/** The machine and its versions, for people. */
export function describeMachine({ cpu, cores, memoryGiB, kernel, versions }: Machine): string {
  const software = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}; ${software.join(', ')}`;
}

function programVersions(): Record<string, string> {
  const versions = {
    Redis: versionIn('redis-server', '--version'),
    nginx: versionIn('nginx', '-v'),
    nchan: versionIn('dpkg-query', '--show', 'libnginx-mod-nchan'),
  };
  return Object.fromEntries(Object.entries(versions).filter(([, version]) => version !== ''));
}

/** The first thing with a point between digits that a program says; '' when it cannot be run. */
function versionIn(program: string, ...args: string[]): string {
  try {
    // nginx tells its version on stderr.
    const said = execFileSync('sh', ['-c', '"$0" "$@" 2>&1', program, ...args], {
      encoding: 'utf8',
      env: environment,
    });
    return /\d+\.\d+[\w.]*/.exec(said)?.[0] ?? '';
  } catch {
    return '';
  }
}

/** What is installed, not what is allowed. */
function packageVersions(): Record<string, string> {
  const { dependencies } = json('../package.json');
  return Object.fromEntries(
    Object.keys(dependencies ?? {}).map((name) => [
      name,
      json(`../node_modules/${name}/package.json`).version ?? 'unknown',
    ]),
  );
}

function json(path: string): { version?: string; dependencies?: Record<string, string> } {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
}
