import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const orm = {
  values: ['on', 'pushAfterSave'],
  types: ['BulkChange', 'Change', 'ChangeKind', 'Keys', 'Mapping', 'MappingOptions'],
};

const core = {
  values: ['SseTrigger', 'SseTriggerError', 'Unanswered', 'encodeEvent'],
  types: [
    ...['CloseMessage', 'FrameMessage', 'OpenMessage', 'PushMessage', 'RunMessage'],
    ...['CloseReason', 'Refusal', 'Stats', 'StoreError', 'SseTriggerErrorCode', 'SseTriggerOptions'],
    ...['Feed', 'Run', 'Sendable', 'SharedFeed', 'StreamOptions'],
    ...['Reading', 'ServerEvent', 'Store', 'StoredVersion'],
  ],
};

/** All that a user can import, by the name of its entry. Whatever is added here stays for good. */
const documented: Readonly<Record<string, { values: readonly string[]; types: readonly string[] }>> = {
  '.': {
    values: [...core.values, 'eventStream', 'streamSse'],
    types: [...core.types, 'EventStreamOptions', 'Handler', 'Source', 'SourceRun'],
  },
  './drizzle': orm,
  './fetch': { values: [...core.values, 'streamOptions', 'streamResponse'], types: core.types },
  './keyv': { values: ['KeyvStore'], types: ['KeyvLike', 'KeyvStoreOptions'] },
  './kysely': { ...orm, types: [...orm.types, 'Selected'] },
  './mikro-orm': { ...orm, types: [...orm.types, 'EntityTarget'] },
  './node': {
    values: [...core.values, 'openStream', 'streamOptions'],
    types: [...core.types, 'NodeRequest', 'NodeResponse'],
  },
  './node-redis': { values: ['NodeRedisStore'], types: ['NodeRedisStoreOptions'] },
  './objection': { ...orm, types: [...orm.types, 'ModelClass', 'Written'] },
  './postgres': {
    values: ['listen', 'migration', 'on'],
    types: [
      ...['KeyTemplate', 'ListenOptions', 'Listening', 'Migration', 'MigrationOptions'],
      ...['PostgresClient', 'PostgresNotification', 'Table', 'TableOptions'],
    ],
  },
  './prisma': { ...orm, types: [...orm.types, 'Extension', 'Model'] },
  './redis': { values: ['RedisStore'], types: ['RedisStoreOptions'] },
  './sequelize': { ...orm, types: [...orm.types, 'ModelClass', 'SequelizeInstance'] },
  './testing': {
    values: ['VirtualClock', 'readEvents', 'storeConformance', 'testTrigger'],
    types: [
      ...['Clock', 'ReadEventsOptions', 'ReceivedEvent', 'TestTriggerOptions'],
      ...['StoreAbility', 'StoreConformanceOptions', 'StoreUnderTest'],
    ],
  },
  './typeorm': { ...orm, types: [...orm.types, 'EntityTarget'] },
};

const top = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, top), 'utf8');
const { exports: entries } = JSON.parse(read('package.json'));
const pages = readdirSync(new URL('docs/', top)).filter((page) => page.endsWith('.md'));
const papers = ['README.md', ...pages.map((page) => `docs/${page}`)].map(read).join('\n');

it('lets import these entries and no others', () => {
  expect(Object.keys(entries).sort()).toEqual([...Object.keys(documented), './package.json'].sort());
});

describe.each(Object.entries(documented))('%s', (entry, { values, types }) => {
  const source = () => entries[entry].default.replace('./dist/', 'src/').replace(/\.js$/, '.ts');

  it('exports these names and no others', async () => {
    const loaded = await import(fileURLToPath(new URL(source(), top)));
    expect(Object.keys(loaded).sort()).toEqual([...values].sort());
    expect(exportedBy(read(source())).sort()).toEqual([...values, ...types].sort());
  });

  it('exports nothing to call that no page tells of', () => {
    const isShown = (name: string) => new RegExp(`\`${name}\\b|import \\{[^}]*\\b${name}\\b`).test(papers);
    expect(values.filter((name) => !isShown(name))).toEqual([]);
  });
});

/** The names that a source file exports, as values or as types. */
function exportedBy(source: string): string[] {
  const declared = source.matchAll(
    /^export (?:abstract |async )*(?:class|const|function\*?|interface|type) ([\w$]+)/gm,
  );
  const lists = source.matchAll(/^export (?:type )?\{([^}]*)\}/gm);
  const listed = [...lists].flatMap(([, names]) => names!.match(/[\w$]+(?=\s*(?:,|$))/g) ?? []);
  if (/^export (?:type )?\*|^export default/m.test(source)) throw new Error('export names one by one');
  return [...[...declared].map(([, name]) => name!), ...listed];
}
