import pg from 'pg';
import { databases } from '../database.ts';

/** The PostgreSQL of all examples, with the tables and the user 1. */
export const database = await databases.PostgreSQL();
await database.add(1);

export const { url } = database.place as { url: string };
export const pool = new pg.Pool({ connectionString: url, max: 2 });
export { pg };
