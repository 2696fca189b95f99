// `npm run bench`: from a fresh clone to results. Arguments go to bench.ts.
// Plain JavaScript over Node's built-ins, since it runs before there is anything else.
import { fileURLToPath } from 'node:url';
import { build } from '../demo/build.js';
import { installModules } from '../demo/install.js';
import { installPrograms } from '../demo/install-programs.js';

const redis = { program: 'redis-server', debian: 'redis-server', use: 'everything' };

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
try {
  installModules();
  installModules('bench');
  installPrograms([redis]);
  // The bench imports the package by its name, as a user would, and so gets what is in dist.
  build('.', { sources: 'src', output: 'dist/index.js' });
  build('bench', { sources: 'bench', output: 'bench/dist/bench.js' });
  const { NCHAN, SBIN } = await import('./dist/programs.js');
  installIfPossible({
    program: 'nginx',
    folders: () => [SBIN],
    file: NCHAN,
    debian: 'libnginx-mod-nchan',
    use: 'the contestant nchan',
  });
  // In this process, so that a signal to it ends all.
  await import('./dist/bench.js');
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

/** The others can be measured without it. @param {import('../demo/install-programs.js').Program} program */
function installIfPossible(program) {
  try {
    installPrograms([program]);
  } catch (error) {
    console.error(`${error.message}\nIt is left out.`);
  }
}
