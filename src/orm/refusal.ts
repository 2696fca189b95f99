type Fields = Readonly<Record<string, unknown>>;

/** An error can be its own cause. */
const DEPTH = 8;

/**
 * Whether it was a database that said no to a statement, so that nothing was written. Any other error leaves that open: the
 * connection may have been lost when the statement was carried out already.
 */
export function wasRefused(error: unknown): boolean {
  let cause = error;
  for (let depth = 0; depth < DEPTH; depth++) {
    const fields = Object(cause) as Fields;
    if (isOfDatabase(fields)) return !isOfConnection(fields);
    cause = fields.cause;
  }
  return false;
}

/** Of PostgreSQL, MySQL, or SQLite. */
function isOfDatabase({ severity, sqlState, code }: Fields): boolean {
  const isSqlite = typeof code === 'string' && code.startsWith('SQLITE_');
  return severity !== undefined || sqlState !== undefined || isSqlite;
}

/**
 * Whether it tells the end of the connection: the classes 08 and 57P, which poolers and a server that shuts down give, and
 * 40003, by which CockroachDB says that it does not know itself.
 */
function isOfConnection({ severity, sqlState, code }: Fields): boolean {
  return /^(FATAL|PANIC)$/.test(String(severity)) || /^(08|57P|40003)/.test(String(sqlState ?? code));
}
