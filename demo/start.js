// `npm run demo`: from a fresh clone to a running server.
// Plain JavaScript over Node's built-ins, since it runs before there is anything else.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from './build.js';
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
