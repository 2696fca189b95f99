// Plain JavaScript over Node's built-ins: this runs before there is anything else.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const INSTALLED = 'node_modules/.package-lock.json';

const top = fileURLToPath(new URL('..', import.meta.url));

/**
 * Runs `npm ci` when node_modules is missing or is not what package-lock.json says.
 *
 * @param {string} [folder] Where both are, from the top of the repository.
 */
export function installModules(folder = '.') {
  const directory = join(top, folder);
  if (installed(directory)) return;
  console.log('Installing node modules (npm ci) …');
  // Said outright what a surrounding `npm --silent` or NODE_ENV=production would change.
  const options = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error, stdout, stderr } = spawnSync('npm', ['ci', ...options], {
    cwd: directory,
    encoding: 'utf8',
    shell: process.platform === 'win32', // npm is a .cmd file there
  });
  if (status !== 0) {
    throw new Error(`npm ci failed, so there are no node modules.\n${error ?? `${stdout}${stderr}`.trim()}`);
  }
}

// npm writes a lock file of what it installed, as the last thing it does. A package that is optional may be for another
// platform, so its absence says nothing. What is not in node_modules (the folder's own package, one that is linked) is
// not npm's to install.
/** @param {string} directory */
function installed(directory) {
  if (!existsSync(join(directory, INSTALLED))) return false;
  const present = packages(join(directory, INSTALLED));
  return Object.entries(packages(join(directory, 'package-lock.json')))
    .filter(([path]) => path.startsWith('node_modules/'))
    .every(([path, { version, integrity, optional }]) => {
      const found = present[path];
      return found ? found.version === version && found.integrity === integrity : optional;
    });
}

/** @param {string} lockFile */
function packages(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages;
}
