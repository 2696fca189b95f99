// What must compile and what must not, for `tsc -p test`. Nothing here is run.
import {
  type ColumnType,
  type Generated,
  type GeneratedAlways,
  Kysely,
  MysqlDialect,
  PostgresDialect,
  type Selectable,
  SqliteDialect,
} from 'kysely';
import { SseTrigger } from '../../src/index.ts';
import { on, pushAfterSave, type Selected } from '../../src/orm/kysely.ts';

interface DB {
  notifications: {
    id: Generated<number>;
    user_id: number;
    text: string | null;
    at: ColumnType<Date, string, never>;
    secret: ColumnType<never, string, string>;
    search: GeneratedAlways<string>;
  };
  'audit.log': { line: string };
}

const trigger = new SseTrigger();
const table = on<DB>();

const hooked = pushAfterSave(
  trigger,
  on<DB>()('notifications', (n, { kind, before }) => {
    const id: number = n.user_id;
    const at: Date = n.at;
    return kind === 'delete' || before?.user_id === id ? null : [`notifications:${id}`, `day:${at.getDay()}`];
  }),
  on<DB>()('audit.log', ({ line }) => line, { bulk: ({ where }) => (where ? 'log' : null) }),
);

export const databases = [
  new Kysely<DB>({ dialect: hooked(new PostgresDialect({ pool: async () => ({}) as never })) }),
  new Kysely<DB>({ dialect: hooked(new SqliteDialect({ database: async () => ({}) as never })) }),
  new Kysely<DB>({ dialect: hooked(new MysqlDialect({ pool: async () => ({}) as never })) }),
];

// The rows are Kysely's own.
declare const ours: Selected<DB['notifications']>;
declare const theirs: Selectable<DB['notifications']>;
export const rows: [Selectable<DB['notifications']>, Selected<DB['notifications']>] = [ours, theirs];

// @ts-expect-error: no such table
table('notification', () => 'a');
// @ts-expect-error: no such column
table('notifications', (n) => `notifications:${n.userId}`);
// @ts-expect-error: it cannot be read
table('notifications', (n) => `notifications:${n.secret}`);
// @ts-expect-error: a number is no key
table('notifications', (n) => n.user_id);
// @ts-expect-error: no such option
table('notifications', () => 'a', { bulky: () => 'a' });
// @ts-expect-error: no dialect
hooked({});

const narrow = new SseTrigger<'ticker' | `notifications:${number}`>();
pushAfterSave(
  narrow,
  table('notifications', (n) => `notifications:${n.user_id}`, { bulk: () => 'ticker' }),
);
pushAfterSave(
  narrow,
  // @ts-expect-error: not one of the trigger's keys
  table('notifications', (n) => `user:${n.user_id}`),
);
