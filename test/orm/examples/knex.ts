import { knex as connect } from 'knex';
import { url } from './database.ts';

export const knex = connect({ client: 'pg', connection: url, pool: { min: 0, max: 2 } });
