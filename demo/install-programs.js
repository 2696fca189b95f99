// Plain JavaScript over Node's built-ins: this runs before there is anything else.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * @typedef {object} Program
 * @property {string} program What it is called on the PATH, or in one of its folders.
 * @property {string} debian The package that has it.
 * @property {string} use
 * @property {() => string[]} [folders] Further ones than the PATH's.
 * @property {string} [file] What has to be there too, such as a module of the program.
 */

/**
 * Installs those that are missing, where that can be done: as root, on Debian or what is made of it.
 *
 * @param {Program[]} programs
 */
export function installPrograms(programs) {
  const missing = programs.filter(
    ({ program, folders, file }) => !isInstalled(program, folders?.()) || (file && !existsSync(file)),
  );
  if (missing.length === 0) return;
  const packages = missing.map(({ debian }) => debian);
  if (process.getuid?.() !== 0 || !isInstalled('apt-get')) {
    const list = missing.map(({ program, use }) => `  ${program}, for ${use}`).join('\n');
    throw new Error(
      `Missing programs:\n${list}\nOn Debian or Ubuntu: sudo apt-get install ${packages.join(' ')}`,
    );
  }
  console.log(`Installing ${packages.join(', ')} (apt-get) …`);
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  if (apt(install).status === 0) return;
  // Perhaps the lists of packages are missing or old.
  const update = apt(['update']);
  const { status, stderr } = apt(install);
  if (status !== 0) {
    const output = `apt-get ${install.join(' ')} failed\n${update.stderr}${stderr}`;
    throw Object.assign(new Error(output.trimEnd()), { status });
  }
}

/** @param {string} program @param {string[]} [folders] Further ones than the PATH's. */
function isInstalled(program, folders = []) {
  return [...(process.env.PATH ?? '').split(delimiter), ...folders].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** @param {string[]} aptArgs */
function apt(aptArgs) {
  // The last two keep a service that comes with a package from being started: the one under systemd, the other elsewhere.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', SYSTEMD_OFFLINE: '1', RUNLEVEL: '1' };
  // A new machine may still be busy with updates of its own.
  return spawnSync('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=120', ...aptArgs], {
    encoding: 'utf8',
    env,
  });
}
