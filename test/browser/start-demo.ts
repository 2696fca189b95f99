import { DemoProcess } from '../support/demo-process.ts';

/** The demo while it listens. Disposing of it kills it. */
export interface Demo extends AsyncDisposable {
  readonly url: string;
  readonly port: string;
  /** Ends it as Ctrl-C does, and gives its exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL for all of its processes. */
  kill(): Promise<void>;
}

/** On a free port, with nothing in its database, unless `env` says otherwise. */
export async function startDemo(env: NodeJS.ProcessEnv = {}): Promise<Demo> {
  const demo = new DemoProcess(env);
  const url = new URL(await demo.listening());
  const kill = () => demo.crash();
  return {
    url: url.href,
    port: url.port,
    stop() {
      demo.kill('SIGINT');
      return demo.ended();
    },
    kill,
    [Symbol.asyncDispose]: kill,
  };
}
