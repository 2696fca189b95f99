import { requireKnown } from '../option-checks.ts';
import { quoteBody, quoteName, quoteText } from './postgres-sql.ts';
import { columnsOf, type Table, toExpression } from './postgres-table.ts';

export interface MigrationOptions {
  /** What `on` gives. Tables of an earlier migration that are not among them push no more. */
  tables: readonly Table[];
}

/** SQL to be read, kept with the other migrations, and run by whoever owns the tables. */
export interface Migration {
  /** May be run again, and in place of an earlier one. */
  readonly up: string;
  /** Leaves nothing. */
  readonly down: string;
}

/** Of notifications. */
export const CHANNEL = 'sse_trigger';
const SCHEMA = 'sse_trigger';
/** In bytes; nobody can watch a longer one. */
const LONGEST_KEY = 512;

/**
 * The SQL that has PostgreSQL push when rows of these tables are committed, whoever wrote them and how. Each is one
 * transaction: `psql -1`, or one query of several statements.
 *
 * @throws TypeError for no tables, and for one that is named twice.
 */
export function migration(options: MigrationOptions): Migration {
  requireKnown('migration', options, ['tables']);
  const { tables } = options;
  if (!Array.isArray(tables) || tables.length === 0 || !tables.every((table) => Array.isArray(table?.keys))) {
    throw new TypeError("migration takes what `on` gives: migration({ tables: [on('notifications', …)] })");
  }
  const names = tables.map(nameOf);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new TypeError(`${twice} is there twice: give one \`on\` all of its keys`);
  const up = [CREATE, REMOVE, checkOf(tables), ...tables.map(triggersOf)];
  return {
    up: `${up.join('\n\n')}\n`,
    // Without "cascade": what is in there by somebody else stays.
    down: `${REMOVE}\n\ndrop schema if exists ${SCHEMA};\n`,
  };
}

/** "if not exists" asks for the right to create one also where it exists. */
const CREATE = `\
do $$
begin
  if to_regnamespace('${SCHEMA}') is null then
    create schema ${SCHEMA};
  end if;
end
$$;`;

/** With the functions go the triggers that call them. */
const REMOVE = `\
-- Removes what an earlier migration made.
do $$
declare
  made regprocedure;
begin
  for made in
    select oid from pg_proc
    where pronamespace = to_regnamespace('${SCHEMA}')
      and proname ~ '^push_[0-9]+$' and prorettype = 'trigger'::regtype
  loop
    execute format('drop function %s cascade', made);
  end loop;
end
$$;`;

function nameOf({ schema, name }: Table): string {
  return `${quoteName(schema)}.${quoteName(name)}`;
}

/**
 * A column that is not there would be noticed by the first save. One whose text depends on the session, such as a time,
 * would be noticed by nobody.
 */
function checkOf(tables: readonly Table[]): string {
  const used = tables.flatMap((table) =>
    columnsOf(table).map((column) => `    (${quoteText(nameOf(table))}::regclass, ${quoteText(column)})`),
  );
  if (used.length === 0) return '-- No key has a column.';
  const body = `\
declare
  wrong text;
begin
  with recursive used (relation, name) as (values
${used.join(',\n')}
  ), typed (relation, name, type) as (
    select relation, name, atttypid from used
    left join pg_attribute on attrelid = relation and attname = name and attnum > 0 and not attisdropped
    union all
    -- What a domain is made of, and so on.
    select relation, name, typbasetype from typed join pg_type on oid = type where typtype = 'd'
  )
  select string_agg(format('%s.%I (%s)', relation, name, coalesce(type::regtype::text, 'not there')), ', ')
  into wrong
  from typed left join pg_type on oid = type
  where typtype is distinct from 'd' and (
    typcategory in ('N', 'S', 'B', 'E') and typname !~ '^reg'
      and type <> all ('{real, double precision, money, character}'::regtype[])
    or type = 'uuid'::regtype
  ) is not true;
  if wrong is not null then
    raise exception 'sse-trigger can make no key of %', wrong
      using hint = 'Columns in keys are whole numbers, numeric, text, uuid, boolean or enums.';
  end if;
end`;
  return `do ${quoteBody(body)};`;
}

function triggersOf(table: Table, index: number): string {
  const made = `${SCHEMA}.push_${index + 1}()`;
  return `\
-- ${JSON.stringify(`${table.schema}.${table.name}`)}
create function ${made} returns trigger language plpgsql set search_path = pg_catalog, pg_temp as ${functionOf(table)};

do ${quoteBody(attachmentOf(table, made, index + 1))};`;
}

/** Never fails, since a save would fail with it. */
function functionOf(table: Table): string {
  const display = quoteText(`${table.schema}.${table.name}`);
  const keysOf = (row: string) => table.keys.map((key) => toExpression(key, row));
  const keysIn = (...transitions: readonly string[]) => {
    const selects = transitions.flatMap((rows) =>
      keysOf('changed').map((key) => `${key} from ${rows} as changed`),
    );
    return `array(\n        select distinct ${selects.join('\n        union select ')}\n      )`;
  };
  return quoteBody(`\
declare
  version text := current_setting('sse_trigger.version', true);
  keys text[];
begin
  -- One version a transaction, so that equal payloads are one notification.
  if coalesce(version, '') = '' then
    version := (extract(epoch from clock_timestamp()) * 1000000)::bigint || '-'
      || left(replace(gen_random_uuid()::text, '-', ''), 16);
    perform set_config('sse_trigger.version', version, true);
  end if;
  if tg_op = 'TRUNCATE' then
    -- Without a key: everything may have changed.
    perform pg_notify('${CHANNEL}', version || ' ');
    return null;
  end if;
  begin
    if tg_level = 'ROW' then
      keys := array[
        ${[...keysOf('old'), ...keysOf('new')].join(',\n        ')}
      ];
    elsif tg_op = 'INSERT' then
      keys := ${keysIn('new_rows')};
    elsif tg_op = 'UPDATE' then
      keys := ${keysIn('old_rows', 'new_rows')};
    else
      keys := ${keysIn('old_rows')};
    end if;
  exception when others then
    -- A column that was renamed must not make every save fail.
    perform pg_notify('${CHANNEL}', left(' ' || ${display} || ': ' || sqlerrm, 1000));
    return null;
  end;
  -- Not in the block above, which would keep 8 kB for each row until the transaction ends.
  perform pg_notify('${CHANNEL}', case
    when octet_length(key) between 1 and ${LONGEST_KEY} then version || ' ' || key
    else ' ' || ${display} || ': a key has to have 1 to ${LONGEST_KEY} bytes'
  end)
  from unnest(keys) as key where key is not null;
  return null;
end`);
}

/**
 * A statement that names the parent of partitions calls no statement's trigger of theirs, and the other way round, so
 * there rows have them: those of a parent are those of all partitions, of later ones, too.
 */
function attachmentOf(table: Table, made: string, number: number): string {
  const name = nameOf(table);
  const create = (margin: string, trigger: string, event: string, each: string) => `\
${margin}create trigger sse_trigger_${number}_${trigger} after ${event} on ${name}
${margin}  ${each} execute function ${made};`;
  const statement = (event: string, rows: string) =>
    create('    ', event, event, `referencing ${rows} for each statement`);
  const watched = table.columns && [...new Set([...columnsOf(table), ...table.columns])].map(quoteName);
  // As text, since not all types know equality, and byte by byte, since not all texts do.
  const changes = watched?.map(
    (column) => `(old.${column}::text collate "C") is distinct from new.${column}::text`,
  );
  const filtered =
    changes && create('    ', 'update', 'update', `for each row when (${changes.join(' or ')})`);
  return `\
begin
  if exists (
    select from pg_class where oid = ${quoteText(name)}::regclass and relkind = 'p'
    union all
    select from pg_inherits where inhrelid = ${quoteText(name)}::regclass
  ) then
${create('    ', 'row', 'insert or delete', 'for each row')}
${filtered ?? create('    ', 'update', 'update', 'for each row')}
  else
${statement('insert', 'new table as new_rows')}
${filtered ?? statement('update', 'old table as old_rows new table as new_rows')}
${statement('delete', 'old table as old_rows')}
  end if;
${create('  ', 'truncate', 'truncate', 'for each statement')}
end`;
}
