import { Model, snakeCaseMappers } from 'objection';
import { knex } from './knex.ts';

export class Notification extends Model {
  static override tableName = 'notifications';
  static override columnNameMappers = snakeCaseMappers();
  id!: number;
  userId!: number;
  text!: string;
}

Notification.knex(knex);
