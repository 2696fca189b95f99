// Plain JavaScript over Node's built-ins: this runs before there is anything else.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Runs tsc when a source is newer than what was built. Paths are from the working directory.
 *
 * @param {string} project @param {{ sources: string, output: string }} files
 */
export function build(project, { sources, output }) {
  // Others may be running what is there, so it is not touched without need.
  if (existsSync(output) && changedAt(output) > Math.max(...typeScriptIn(sources).map(changedAt))) return;
  console.log(`Building ${output} …`);
  const tsc = ['node_modules/typescript/bin/tsc', '--project', project];
  const { status } = spawnSync(process.execPath, tsc, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${output} could not be built`);
}

/** @param {string} folder @returns {string[]} */
function typeScriptIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : typeScriptIn(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

/** @param {string} file */
function changedAt(file) {
  return statSync(file).mtimeMs;
}
