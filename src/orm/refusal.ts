/**
 * Whether it was a database that said no to a statement, so that nothing was written. Any other error leaves that open: the
 * connection may have been lost when the statement was carried out already.
 */
export function wasRefused(error: unknown): boolean {
  const { severity, sqlState, code, cause } = Object(error) as Readonly<Record<string, unknown>>;
  const isPostgres = severity !== undefined;
  const isMysql = sqlState !== undefined;
  const isSqlite = typeof code === 'string' && code.startsWith('SQLITE_');
  return isPostgres || isMysql || isSqlite || (cause !== undefined && wasRefused(cause));
}
