import { execFile } from 'node:child_process';

/** What a program that ends well wrote to stdout. */
export function run(
  cwd: string,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  // Under `npm --silent`, npm pack would say nothing.
  const all = { ...process.env, npm_config_loglevel: 'error', ...env };
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd, env: all, timeout: 110_000 }, (error, stdout) => {
      if (error) reject(new Error(`${error.message}\n${stdout}`));
      else resolve(stdout);
    });
  });
}
