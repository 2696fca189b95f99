import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { endWithThisProcess } from './end-with-this-process.ts';
import { freePort } from './free-port.ts';
import { until } from './until.ts';

/** A real proxy of the test's own on a free port, until it is disposed of. */
export interface ReverseProxy extends AsyncDisposable {
  readonly url: string;
}

export interface ReverseProxyProgram {
  /** Of the program and of its Debian package. */
  readonly name: string;
  /** Has it run in the foreground, as one process, with what is written to `file`. */
  readonly args: (file: string) => readonly string[];
  readonly configuration: (at: { readonly port: number; readonly folder: string }) => string;
}

/** @throws when the program is not installed or does not start. */
export async function startReverseProxy({
  name,
  args,
  configuration,
}: ReverseProxyProgram): Promise<ReverseProxy> {
  const folder = await mkdtemp(join(tmpdir(), `sse-trigger-${name}-`));
  const port = await freePort();
  const file = join(folder, 'configuration');
  await writeFile(file, configuration({ port, folder }));
  // Debian keeps some in a folder that is on the PATH of root alone, and some write into that of who runs them.
  const own = { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
  const env = { ...process.env, ...own, PATH: `${process.env.PATH}${delimiter}/usr/sbin` };
  const child = spawn(name, args(file), { env, stdio: ['ignore', 'ignore', 'pipe'] });
  endWithThisProcess(child);
  const log: string[] = [];
  createInterface(child.stderr).on('line', (line) => log.push(line));
  const ended = new Promise<never>((_resolve, reject) => {
    child.once('error', () => reject(new Error(`${name} cannot be run: apt-get install ${name}`)));
    child.once('close', () => reject(new Error(`${name} ended:\n${log.join('\n')}`)));
  });
  const stop = async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await Promise.race([ended, until(() => child.exitCode !== null || isAnswering(port))]);
    if (child.exitCode !== null) await ended;
  } catch (error) {
    await stop();
    throw error;
  }
  // From here on its end shows in what does not come through it any more.
  ended.catch(() => {});
  return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: stop };
}

function isAnswering(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
