// `npm run demo`: from a fresh clone to a running server.
// Plain JavaScript over Node's built-ins, since it runs before there is anything else.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installModules } from './install.js';
import { keepRunning } from './keep-running.js';

// Paths here, in .env and in the server are from the top of the repository.
process.chdir(fileURLToPath(new URL('..', import.meta.url)));
try {
  installModules();
  // The demo imports the package by its name, as a user would, and so gets what is in dist.
  build('.', { sources: 'src', output: 'dist/index.js' });
  build('demo', { sources: 'demo', output: 'demo/dist/server.js' });
  if (existsSync('.env')) process.loadEnvFile();
  keepRunning('demo/dist/server.js');
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

/** @param {string} project @param {{ sources: string, output: string }} files */
function build(project, { sources, output }) {
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
  return files.filter((file) => file.endsWith('.ts')).map((file) => join(folder, file));
}

/** @param {string} file */
function changedAt(file) {
  return statSync(file).mtimeMs;
}
