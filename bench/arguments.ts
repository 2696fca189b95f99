import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Scenario } from './measurement.ts';
import { scenarios } from './scenarios/index.ts';
import { type Size, sizes } from './size.ts';

/** What `npm run bench` was asked for. */
export interface Arguments {
  readonly size: Size;
  readonly chosen: readonly Scenario[];
  /** Where results go. */
  readonly folder: string;
}

/** The folder whose results README.md has. */
export const RESULTS = fileURLToPath(new URL('../results', import.meta.url));

/** @throws TypeError on what cannot be measured */
export function readArguments(args: readonly string[]): Arguments {
  const { values: given } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      smallest: { type: 'boolean', default: false },
      only: { type: 'string' },
      rounds: { type: 'string' },
      streams: { type: 'string' },
      results: { type: 'string', default: RESULTS },
    },
  });
  const names = given.only?.split(',');
  const unknown = names?.filter((name) => !scenarios.some((scenario) => scenario.name === name)) ?? [];
  if (unknown.length > 0) {
    const known = scenarios.map(({ name }) => name).join(', ');
    throw new TypeError(`--only takes some of ${known}; not ${unknown.join(', ')}`);
  }
  const size = sizes[given.smallest ? 'smallest' : given.quick ? 'quick' : 'full'];
  const rounds = given.rounds === undefined ? size.rounds : toCount('--rounds', given.rounds);
  const streams = given.streams === undefined ? size.streams : toCount('--streams', given.streams);
  // What differs from a size is not kept as a run of that size; some scenarios of a full run may be measured anew.
  const isPart = names !== undefined && size.name !== 'full';
  const differs = isPart || rounds !== size.rounds || streams !== size.streams;
  return {
    size: { ...size, rounds, streams, ...(differs && { name: 'other' }) },
    chosen: scenarios.filter(({ name }) => names?.includes(name) ?? true),
    folder: given.results,
  };
}

function toCount(option: string, text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new TypeError(`${option} takes a whole number from 1, such as ${option} 5; not ${text}`);
}
