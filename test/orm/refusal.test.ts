import { expect, it } from 'vitest';
import { wasRefused } from '../../src/orm/refusal.ts';

it.each([
  ['PostgreSQL', { severity: 'ERROR', code: '23505' }],
  ['MySQL', { sqlState: '23000', code: 'ER_DUP_ENTRY' }],
  ['SQLite', { code: 'SQLITE_CONSTRAINT' }],
  ['PostgreSQL, through an ORM', { cause: { cause: { severity: 'ERROR', code: '40001' } } }],
])('takes the no of a database for one: %s', (_, error) => {
  expect(wasRefused(error)).toBe(true);
});

it.each([
  ['a lost connection', { code: 'ECONNRESET' }],
  ['a pooler that lost the server', { severity: 'FATAL', code: '08P01' }],
  ['a server that shuts down', { severity: 'FATAL', code: '57P01' }],
  ['one that says so in another language', { severity: 'FATALE', code: '57P02' }],
  ['a server that panics', { severity: 'PANIC', code: 'XX000' }],
  ['CockroachDB that does not know itself', { severity: 'ERROR', code: '40003' }],
  ['MySQL that shuts down', { sqlState: '08S01', code: 'ER_SERVER_SHUTDOWN' }],
  ['any of these, through an ORM', { cause: { severity: 'FATAL', code: '57P01' } }],
  ['nothing', undefined],
])('leaves open what became of a statement after %s', (_, error) => {
  expect(wasRefused(error)).toBe(false);
});

it('ends with an error that is its own cause', () => {
  const error = new Error('round');
  error.cause = error;
  expect(wasRefused(error)).toBe(false);
});
