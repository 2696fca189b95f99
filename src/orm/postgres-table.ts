import { requireKnown } from '../option-checks.ts';
import { quoteName, quoteText, requireName } from './postgres-sql.ts';

export interface TableOptions {
  /**
   * The keys that show a row, one or several, with the names of columns in braces: `'notifications:{user_id}'`. A row with
   * null in one of these columns has no such key, and when one of them changes, both keys are pushed. Any other brace is
   * written twice; a column whose name has one cannot be in a key.
   */
  key: string | readonly string[];
  /** An update pushes only when one of these columns, or of those in the keys, has changed. @defaultValue it always does */
  columns?: readonly string[] | undefined;
  /** Where the table is. @defaultValue 'public' */
  schema?: string | undefined;
}

/** A table whose rows are shown under keys. Made by `on`. */
export interface Table {
  readonly schema: string;
  readonly name: string;
  readonly keys: readonly KeyTemplate[];
  /** Those that an update has to change, if not any of them will do. */
  readonly columns: readonly string[] | undefined;
}

/** Pieces of text, and names of columns between them. */
export interface KeyTemplate {
  readonly parts: readonly { readonly text: string; readonly isColumn: boolean }[];
}

/**
 * Which keys show the rows of a table. Names are as PostgreSQL has them, without quotes: `on('notifications', { key:
 * 'notifications:{user_id}' })`.
 *
 * @throws TypeError for what is no name or no key, and for an option that does not exist.
 */
export function on(table: string, options: TableOptions): Table {
  requireKnown('on', options, ['key', 'columns', 'schema']);
  const { key, columns, schema = 'public' } = options;
  const templates: readonly unknown[] = Array.isArray(key) ? key : [key];
  if (templates.length === 0) throw new TypeError('on needs a key, such as notifications:{user_id}');
  if (columns !== undefined && (!Array.isArray(columns) || columns.length === 0)) {
    throw new TypeError("columns must be names of columns, such as ['title', 'read']");
  }
  return {
    schema: requireName('schema', schema),
    name: requireName('the table', table),
    keys: Array.from(templates, toTemplate),
    columns: columns && Array.from<unknown, string>(columns, (column) => requireName('a column', column)),
  };
}

export function columnsOf({ keys }: Table): string[] {
  const columns = keys.flatMap(({ parts }) => parts.filter(({ isColumn }) => isColumn));
  return [...new Set(columns.map(({ text }) => text))];
}

/** A key in SQL, of the row that `row` names: null where one of its columns is. */
export function toExpression({ parts }: KeyTemplate, row: string): string {
  const terms = parts.map(({ text, isColumn }) =>
    isColumn ? `${row}.${quoteName(text)}::text` : `${quoteText(text)}::text`,
  );
  return terms.join(' || ');
}

function toTemplate(template: unknown): KeyTemplate {
  if (typeof template !== 'string' || template === '') {
    throw new TypeError(
      `a key must be text such as notifications:{user_id}, got ${JSON.stringify(template)}`,
    );
  }
  const parts = Array.from(template.matchAll(/\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+/g), ([piece, column]) => {
    if (column !== undefined) return { text: requireName('a column in a key', column), isColumn: true };
    if (/\p{Cc}/u.test(piece)) {
      throw new TypeError(`a key must be text without control characters, got ${JSON.stringify(template)}`);
    }
    if (piece === '{' || piece === '}') throw new TypeError(`${ODD_BRACE}, got ${JSON.stringify(template)}`);
    return { text: piece.replace(/^([{}])\1$/, '$1'), isColumn: false };
  });
  return { parts };
}

const ODD_BRACE = 'a key has the names of columns in braces, and any other brace twice';
