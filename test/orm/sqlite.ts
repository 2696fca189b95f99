// It is installed here and not at the top.
export { default as Sqlite } from 'libsql';
