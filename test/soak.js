// The tests that find more the longer they look, for as long as nobody would wait in CI: `npm run soak`, the better part of an hour.
// What failed at random tells how to have the same again. Any of these can be set to something else.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

const soak = {
  /** Schedules of the simulation, of all kinds together: five in six have every fault. */
  SOAK_SCHEDULES: '1000000',
  /** How often each broken engine is to be caught, each time by other schedules. */
  MUTANT_SEEDS: '20',
  /** Streams that are opened and closed. */
  SOAK_CONNECTIONS: '100000',
  /** Milliseconds for which a real Redis and three processes have trouble. */
  SOAK_LOAD_MS: '600000',
};
/** In virtual time, in which it makes no difference what else the machine does. */
const simulated = [
  'test/simulation/simulation.test.ts',
  'test/simulation/clocks.test.ts',
  'test/simulation/calm.test.ts',
  'test/simulation/mutants.test.ts',
];
/**
 * Over real programs: one after the other, since what else the machine does is trouble, too, and none that could be seen
 * again.
 */
const real = ['test/faults/leaks.test.ts', 'test/faults/schedule.test.ts'];

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const vitest = [process.execPath, 'node_modules/vitest/vitest.mjs', 'run'];
const isBuilt = run('npm', 'run', '--silent', 'build');
const hasHeld = isBuilt && run(...vitest, `--maxWorkers=${availableParallelism()}`, ...simulated);
const hasLasted = isBuilt && run(...vitest, '--no-file-parallelism', ...real);
if (!hasHeld || !hasLasted) process.exitCode = 1;

/** @param {string} program @param {string[]} args @returns Whether it ended well. */
function run(program, ...args) {
  return spawnSync(program, args, { stdio: 'inherit', env: { ...soak, ...process.env } }).status === 0;
}
