// The tests that find more the longer they look, for as long as nobody would wait in CI: `npm run soak`, some 45 minutes.
// What failed at random tells how to have the same again. Any of these can be set to something else.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const soak = {
  /** Schedules of the simulation, of all kinds together. */
  SOAK_SCHEDULES: '1000000',
  /** How often each broken engine is to be caught, each time by other schedules. */
  MUTANT_SEEDS: '20',
  /** Streams that are opened and closed. */
  SOAK_CONNECTIONS: '100000',
  /** Milliseconds for which a real Redis and two processes have trouble. */
  SOAK_LOAD_MS: '600000',
};
const tests = [
  'test/simulation/simulation.test.ts',
  'test/simulation/clocks.test.ts',
  'test/simulation/calm.test.ts',
  'test/simulation/mutants.test.ts',
  'test/faults/leaks.test.ts',
  'test/faults/schedule.test.ts',
];

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const options = { stdio: 'inherit', env: { ...soak, ...process.env } };
const build = spawnSync('npm', ['run', '--silent', 'build'], options);
// One after the other, since what else the machine does is trouble, too, and none that could be seen again.
const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--no-file-parallelism', ...tests];
// Who was ended by a signal has no status.
process.exitCode = build.status === 0 ? (spawnSync(process.execPath, vitest, options).status ?? 1) : 1;
