// Plain JavaScript over Node's built-ins: this runs before there is anything else.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('..', import.meta.url));

/** Runs `npm ci` when node_modules is missing or is not what package-lock.json says. */
export function installModules() {
  if (installed()) return;
  console.log('Installing node modules (npm ci) …');
  // Said outright what a surrounding `npm --silent` or NODE_ENV=production would change.
  const options = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error, stdout, stderr } = spawnSync('npm', ['ci', ...options], {
    cwd: top,
    encoding: 'utf8',
    shell: process.platform === 'win32', // npm is a .cmd file there
  });
  if (status !== 0) {
    throw new Error(`npm ci failed, so there are no node modules.\n${error ?? `${stdout}${stderr}`.trim()}`);
  }
}

// npm writes a lock file of what it installed, as the last thing it does. A package that is optional may be for another
// platform, so its absence says nothing.
function installed() {
  if (!existsSync(`${top}/node_modules/.package-lock.json`)) return false;
  const present = packages('node_modules/.package-lock.json');
  return Object.entries(packages('package-lock.json'))
    .filter(([path]) => path !== '')
    .every(([path, { version, integrity, optional }]) => {
      const found = present[path];
      return found ? found.version === version && found.integrity === integrity : optional;
    });
}

/** @param {string} lockFile */
function packages(lockFile) {
  return JSON.parse(readFileSync(`${top}/${lockFile}`, 'utf8')).packages;
}
