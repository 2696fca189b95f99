import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('slow-clients.pl', import.meta.url));

/** What a client reads after the first bytes: nothing, or a byte a second. */
export type SlowPace = 'nothing' | 'byte';

/** Resolves when so many streams are open, in a process of their own. They leave when they are disposed of. */
export async function openSlowly(
  { port }: { readonly port: number },
  path: string,
  count: number,
  pace: SlowPace,
): Promise<AsyncDisposable> {
  const child = spawn('perl', [SCRIPT, `${port}`, `${count}`, path, pace], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await Promise.race([
    once(createInterface(child.stdout), 'line'),
    ended.then(() => Promise.reject(new Error('the slow clients could not be opened'))),
  ]);
  return {
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}
