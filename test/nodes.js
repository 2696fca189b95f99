// The unit tests, the simulation, the stores over a real Redis and the packed package on each release of Node that
// `engines` names, and what Bun's and Deno's servers make of `streamResponse`: `npm run test:nodes`, once `npm test` has
// installed what they need; some minutes a release. With arguments (`npm run test:nodes -- 22 bun`) on these only. The npm
// packages `node`, `bun` and `deno` bring the binaries.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const { engines } = JSON.parse(readFileSync('package.json', 'utf8'));
/** By their first number: the lowest release of each that the package is for. */
const lowest = new Map(engines.node.split('||').map((range) => /(\d+)[.\d]+/.exec(range).reverse()));
/** What npm is to bring, what then runs a file, and which one. */
const others = {
  bun: { brings: 'bun@1', runs: 'bun', example: 'docs/examples/frameworks/bun.js' },
  deno: { brings: 'deno@2', runs: 'deno run --allow-all', example: 'docs/examples/frameworks/deno.js' },
};
const asked = process.argv.slice(2);

// What the bench measures is of one Node only.
const units = readdirSync('test').filter((file) => file.endsWith('.test.ts') && file !== 'bench.test.ts');
const tests = [
  ...units.map((file) => `test/${file}`),
  'test/simulation/',
  'test/stores/',
  'test/faults/redis',
  'test/package/',
];

if (!run('npm', ['run', '--silent', 'build'])) process.exit(1);
const results = (asked.length > 0 ? asked : [...lowest.keys(), ...Object.keys(others)]).map((release) => {
  console.log(`> ${release}`);
  return { release, passed: release in others ? serves(release) : holds(release) };
});
for (const { release, passed } of results) console.log(`${release}: ${passed ? 'passed' : 'failed'}`);
if (results.some(({ passed }) => !passed)) process.exitCode = 1;

/** @param {string} release Of Node: all tests on its newest, and those of the package on its lowest. */
function holds(release) {
  return passOn(release, tests) && passOn(lowest.get(release) ?? release, ['test/package/']);
}

/** @param {string} release @param {string[]} files */
function passOn(release, files) {
  const node = ['exec', '--yes', `--package=node@${release}`, '--', 'node'];
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=dot', ...files];
  return run('npm', [...node, '--version']) && run('npm', [...node, ...vitest]);
}

/** @param {keyof typeof others} name */
function serves(name) {
  const { brings, runs, example } = others[name];
  const exec = ['exec', '--yes', `--package=${brings}`, '--'];
  const env = { ...process.env, RUNTIME: ['npm', ...exec, runs].join(' '), EXAMPLE: example };
  const test = ['--test', '--test-reporter=spec', 'test/runtimes/fetch-servers.js'];
  // What has to be downloaded is downloaded before any test waits for it.
  return run('npm', [...exec, name, '--version']) && run(process.execPath, test, env);
}

/** @param {string} program @param {string[]} args @returns Whether it ended well. */
function run(program, args, env = process.env) {
  return spawnSync(program, args, { stdio: 'inherit', env }).status === 0;
}
