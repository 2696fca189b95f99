import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Place } from '../../demo/database.ts';
import { startPostgres } from '../support/postgres-server.ts';

/** A database that is there until it is disposed of. */
export interface TestDatabase extends AsyncDisposable {
  readonly place: Place;
}

/** What the demo can run on: `describe.each(databases)`. */
export const databases: readonly { name: string; start: () => Promise<TestDatabase> }[] = [
  {
    name: 'libsql',
    start: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'sse-trigger-bell-'));
      return {
        place: { file: join(folder, 'bell.sqlite') },
        [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
      };
    },
  },
  {
    name: 'PostgreSQL',
    start: async () => {
      const server = await startPostgres();
      return { place: { url: server.url }, [Symbol.asyncDispose]: () => server.stop() };
    },
  },
];
