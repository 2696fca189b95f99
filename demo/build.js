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

/** @param {string} folder */
function typeScriptIn(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const own = files.filter((file) => file.endsWith('.ts') && !file.startsWith('node_modules'));
  return own.map((file) => join(folder, file));
}

/** @param {string} file */
function changedAt(file) {
  return statSync(file).mtimeMs;
}
