// Everything that has to hold, from a fresh clone on a machine with nothing but Node and npm: `npm test`.
// With arguments (`npm test -- test/stores`) vitest gets them, and lint and types are left out.
// Plain JavaScript over Node's built-ins, since it runs before there are node modules.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installModules } from '../demo/install.js';
import { installPrograms } from '../demo/install-programs.js';

/** Debian keeps those of PostgreSQL off the PATH, in one folder a version. */
const POSTGRES_VERSIONS = '/usr/lib/postgresql';

/** Real programs that tests start on ports of their own. */
const programs = [
  { program: 'redis-server', debian: 'redis-server', use: 'the Redis store and what goes wrong with it' },
  { program: 'postgres', debian: 'postgresql', use: 'the demo over PostgreSQL', folders: postgresFolders },
  { program: 'chromium', debian: 'chromium', use: 'the demo in a real browser' },
  { program: 'curl', debian: 'curl', use: 'a stream as people look at it' },
  { program: 'nginx', debian: 'nginx', use: 'streams behind a proxy', folders: rootFolders },
  { program: 'haproxy', debian: 'haproxy', use: 'streams behind a proxy', folders: rootFolders },
  { program: 'caddy', debian: 'caddy', use: 'streams behind a proxy' },
  { program: 'openssl', debian: 'openssl', use: 'a stream over HTTPS' },
];

const args = process.argv.slice(2);
const counts = { passed: 0, failed: 0, skipped: 0 };

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
try {
  step('programs', () => installPrograms(programs));
  step('node modules', () => {
    installModules();
    installModules('bench');
    installModules('test/orm');
    installModules('docs/examples/frameworks');
    installModules('test/package/tools');
    program('test/orm/prisma/generate.js');
  });
  if (args.length === 0) step('lint', () => script('lint'));
  if (args.length === 0) step('types', () => script('types'));
  else step('build', () => script('build:all'));
  step('tests', runTests);
} catch (error) {
  counts.failed ||= 1; // a step that is no test counts as one
  console.error(error.message);
  process.exitCode = error.status ?? 1;
}
const { passed, failed, skipped } = counts;
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);

/** @param {string} name @param {() => void} work */
function step(name, work) {
  console.log(`> ${name}`);
  work();
}

/** Not on everybody's PATH. */
function rootFolders() {
  return ['/usr/sbin'];
}

function postgresFolders() {
  const versions = existsSync(POSTGRES_VERSIONS) ? readdirSync(POSTGRES_VERSIONS) : [];
  return versions.map((version) => join(POSTGRES_VERSIONS, version, 'bin'));
}

/** @param {string} name One of package.json's scripts. */
function script(name) {
  const { status } = spawnSync('npm', ['run', '--silent', name], { stdio: 'inherit' });
  if (status !== 0) throw failure(`npm run ${name}`, status);
}

/** @param {string} path Of a program for Node. */
function program(path) {
  const { status } = spawnSync(process.execPath, [path], { stdio: 'inherit' });
  if (status !== 0) throw failure(path, status);
}

function runTests() {
  const directory = mkdtempSync(join(tmpdir(), 'sse-trigger-'));
  const report = join(directory, 'vitest.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...args];
  const { status } = spawnSync(process.execPath, vitest, { stdio: 'inherit' });
  if (existsSync(report)) count(JSON.parse(readFileSync(report, 'utf8')));
  rmSync(directory, { recursive: true });
  // An unhandled rejection, or no test at all, fails the run without failing a test.
  if (status !== 0) throw failure('vitest', status);
}

/** @param {any} report What vitest's JSON reporter wrote. */
function count(report) {
  counts.passed = report.numPassedTests;
  counts.skipped = report.numPendingTests + report.numTodoTests;
  // A file that could not be loaded, or whose hook threw, has failed without a failed test in it.
  const failedFiles = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  );
  counts.failed = report.numFailedTests + failedFiles.length;
}

/** @param {string} what @param {number | null} status */
function failure(what, status) {
  return Object.assign(new Error(`${what} failed`), { status });
}
