import { pool } from '../../../test/orm/examples/database.ts';
import { type DB, Kysely, PostgresDialect } from '../../../test/orm/examples/kysely.ts';
import { trigger } from './trigger.ts';

import { on, pushAfterSave } from 'sse-trigger/kysely';

const hooked = pushAfterSave(trigger, on<DB>()('notifications', (n) => `notifications:${n.user_id}`));
export const db = new Kysely<DB>({ dialect: hooked(new PostgresDialect({ pool })) });
