import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

/** The floors of src from the ground up. A file imports from lower floors only, never from its own. */
const floors = [
  [
    'clock',
    'errors',
    'few',
    'held-keys',
    'key',
    'linked-list',
    'option-checks',
    'orm/mapping',
    'orm/postgres-client',
    'orm/postgres-sql',
    'origin',
    'pauses',
    'plain-error',
    'position',
    'retry',
    'seed',
    'shared-key',
    'server-event',
    'servers/leave-session',
    'store',
    'stream-options',
    'subject',
    'until-aborted',
  ],
  [
    'head',
    'orm/drizzle-prepared',
    'orm/inserted-rows',
    'orm/knex-transactions',
    'orm/kysely-returning',
    'orm/mikro-orm-transactions',
    'orm/partial-row',
    'orm/postgres-table',
    'orm/refusal',
    'orm/sequelize-transactions',
    'orm/typeorm-transactions',
    'stats',
    'stores/keyspace',
    'stores/redis-driver',
    'stores/redis-slot',
    'testing/read-events',
    'testing/store-conformance',
    'testing/virtual-clock',
    'viewers',
  ],
  [
    'diagnostics',
    'orm/map-entity',
    'orm/postgres-migration',
    'orm/told-paths',
    'orm/told-row',
    'stores/ioredis-driver',
    'stores/keyv-store',
    'stores/node-redis-driver',
    'stores/redis-connection',
  ],
  [
    'orm/sequelize-row',
    'orm/typeorm-row',
    'stores/memory-store',
    'stores/redis-cluster-map',
    'stores/redis-wakes',
  ],
  ['stores/redis-cluster', 'stores/redis-single-store'],
  ['stores/redis-cluster-call'],
  ['stores/redis-cluster-store'],
  ['stores/node-redis-store', 'stores/redis-store'],
  ['deadline', 'gate', 'heartbeats', 'push-scope', 'turnstile', 'versions'],
  ['connection', 'outbox', 'poller'],
  ['call-context'],
  [
    'connection-plan',
    'feed-connection',
    'permission',
    'servers/readable-sink',
    'servers/response-sink',
    'source-connection',
    'visit',
  ],
  ['applicant', 'feed', 'guard-plan', 'servers/fetch-visit', 'servers/node-visit'],
  ['feeds', 'guarded-connection', 'permissions'],
  ['engine'],
  ['stream-plan', 'trigger'],
  ['orm/postgres-witnesses', 'orm/save-hook', 'stream-handler', 'testing/test-trigger'],
  [
    'orm/drizzle-write',
    'orm/kysely-write',
    'orm/postgres-listener',
    'orm/prisma-write',
    'servers/middleware',
    'stream-route',
  ],
  ['known-routes', 'orm/drizzle-database', 'orm/kysely-driver', 'orm/prisma-transactions'],
  [
    'event-stream',
    'open-stream',
    'orm/drizzle',
    'orm/kysely',
    'orm/mikro-orm',
    'orm/objection',
    'orm/postgres',
    'orm/prisma',
    'orm/sequelize',
    'orm/typeorm',
    'stream-response',
    'stream-sse',
  ],
  ['fetch', 'index', 'node', 'testing'],
];
/** Not for the package itself. */
const forUsers = ['fetch', 'index', 'node', 'testing'];

const src = fileURLToPath(new URL('../src', import.meta.url));
const files = readdirSync(src, { encoding: 'utf8', recursive: true })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => path.replace(/\.ts$/, ''));
const floorOf = (file: string) => floors.findIndex((floor) => floor.includes(file));

it('has a floor for every file', () => {
  expect(files.sort(), 'src, and the floors of this test').toEqual(floors.flat().sort());
});

it('imports downward only', () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((imported) => !isBelow(file, imported))
      .map((imported) => `${file} (${floorOf(file)}) imports ${imported} (${floorOf(imported)})`),
  );
  expect(wrong).toEqual([]);
});

/** What is on no floor, such as a file outside of src, is below nothing. */
function isBelow(file: string, imported: string): boolean {
  return !forUsers.includes(imported) && floorOf(imported) !== -1 && floorOf(imported) < floorOf(file);
}

/** The files of the package that one imports, in any form that there is. */
function importsOf(file: string): string[] {
  const source = readFileSync(`${src}/${file}.ts`, 'utf8');
  return [...source.matchAll(/(?:from|import)\s*\(?\s*['"`](\.[^'"`]+)['"`]/g)].map(([, path]) =>
    join(dirname(file), path!).replace(/\.[jt]s$/, ''),
  );
}
