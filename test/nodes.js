// The unit tests, the simulation, the stores over a real Redis and the packed package on each release of Node that
// `engines` names: `npm run test:nodes`, once `npm test` has installed what they need; some minutes a release. With
// arguments (`npm run test:nodes -- 22 24`) on these releases only. The npm package `node` brings the binaries.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const { engines } = JSON.parse(readFileSync('package.json', 'utf8'));
const supported = engines.node.split('||').map((range) => /\d+/.exec(range)[0]);
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
const results = (asked.length > 0 ? asked : supported).map((release) => {
  const onNode = (...args) =>
    run('npm', ['exec', '--yes', `--package=node@${release}`, '--', 'node', ...args]);
  console.log(`> Node ${release}`);
  onNode('--version');
  const passed = onNode('node_modules/vitest/vitest.mjs', 'run', '--reporter=dot', ...tests);
  return { release, passed };
});
for (const { release, passed } of results) console.log(`Node ${release}: ${passed ? 'passed' : 'failed'}`);
if (results.some(({ passed }) => !passed)) process.exitCode = 1;

/** @param {string} program @param {string[]} args @returns Whether it ended well. */
function run(program, args) {
  return spawnSync(program, args, { stdio: 'inherit' }).status === 0;
}
