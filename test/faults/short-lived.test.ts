import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

/** Runs a script in a process of its own, with the built package, and gives what it prints until it ends by itself. */
async function run(script: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 20_000,
  });
  return stdout.trim();
}

it('a process that awaits a push lives until it is answered, although the store never does', async () => {
  const script = `
    import { SseTrigger } from 'sse-trigger';
    const never = () => new Promise(() => {});
    const store = { read: never, write: never, add: never };
    const trigger = new SseTrigger({ store, storeTimeout: 200, onError: ({ code }) => console.log(code) });
    console.log(await trigger.push('key'));
  `;
  expect(await run(script)).toBe('write_failed\nfalse');
});

it('a process that has nothing more to do ends, although the trigger was not closed', async () => {
  const script = `
    import { SseTrigger } from 'sse-trigger';
    const trigger = new SseTrigger();
    console.log(await trigger.push('key'));
    await trigger.pushAfter(() => { trigger.push('key'); throw new Error('rolled back'); }).catch(() => {});
  `;
  expect(await run(script)).toBe('true');
});
