import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Holdings } from '../support/holdings.ts';

const JOB = fileURLToPath(new URL('leak-job.js', import.meta.url));
/** `npm run soak` asks for more. */
const CONNECTIONS = Number(process.env.SOAK_CONNECTIONS ?? 20_000);
const FEW = 2000;

/** What a process holds more than before, and what it has of streams and keys. */
interface Grown extends Holdings {
  readonly connections: number;
  readonly streams: number;
  readonly keys: number;
}

/** Ends with the test. */
async function leakJob(signal: AbortSignal, connections: number, leak?: string): Promise<Grown> {
  const env = { ...process.env, CONNECTIONS: `${connections}`, ...(leak !== undefined && { LEAK: leak }) };
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', JOB], { env, signal });
  return JSON.parse(stdout) as Grown;
}

/** In milliseconds: a machine that is busy takes six times as long. */
const timeoutFor = (connections: number) => ({ timeout: 60_000 + 5 * connections });

describe('C6: streams that have ended, in whatever way,', () => {
  it(`leave nothing behind, after ${CONNECTIONS} of them`, timeoutFor(CONNECTIONS), async ({ signal }) => {
    const grown = await leakJob(signal, CONNECTIONS);
    expect(grown, JSON.stringify(grown)).toMatchObject({
      connections: CONNECTIONS,
      streams: 0,
      keys: 0,
      files: 0,
      handles: 0,
      timers: 0,
      listeners: 0,
      responses: 0,
    });
    expect(grown.heap).toBeLessThan(1e6);
  });

  it.for([
    ['heartbeats', 'responses'],
    ['versions', 'keys'],
    ['viewers', 'responses'],
    ['timers', 'timers'],
    ['listeners', 'listeners'],
  ] as const)(
    'would be noticed if they stayed in %s, by %s',
    timeoutFor(FEW),
    async ([leak, what], { signal }) => {
      const grown = await leakJob(signal, FEW, leak);
      expect(grown[what], JSON.stringify(grown)).toBeGreaterThan(FEW / 10);
    },
  );
});
