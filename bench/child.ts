import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type BirpcReturn, createBirpc } from 'birpc';

/** Milliseconds in which every call has to be answered: much longer than any window. */
const DEADLINE = 300_000;

/** A process of the bench: a module beside this one, called by `calls` over the channel that `fork` gives. */
export class Child<Calls extends object> {
  readonly calls: BirpcReturn<Calls, object>;
  readonly #process: ChildProcess;

  constructor(module: 'server' | 'generator' | 'pusher') {
    const child = fork(fileURLToPath(new URL(`./${module}.js`, import.meta.url)), {
      execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
      serialization: 'advanced', // typed arrays pass as they are
    });
    this.#process = child;
    this.calls = createBirpc<Calls, object>(
      {},
      {
        post: (data) => child.send(data),
        on: (listener) => child.on('message', listener),
        timeout: DEADLINE,
      },
    );
    // A message to one that has just ended is an error, too.
    child.on('error', (error) => this.calls.$close(error));
    child.once('exit', (code, signal) => {
      this.calls.$close(new Error(`the ${module} of the bench ended (${signal ?? code})`));
    });
  }

  /** Without a chance to say good-bye, so that it takes no longer with ten thousand connections. */
  async end(): Promise<void> {
    const child = this.#process;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}

/** In the forked process: answers the calls of the bench, and ends with it. */
export function answer(calls: object): void {
  process.once('disconnect', () => process.exit());
  createBirpc(calls, {
    // An answer to a bench that has just ended is no error.
    post: (data) => process.send?.(data, undefined, undefined, () => {}),
    on: (listener) => process.on('message', listener),
  });
}
