import type { Generated } from 'kysely';

export { Kysely, PostgresDialect } from 'kysely';

export interface DB {
  notifications: { id: Generated<number>; user_id: number; text: string };
}
