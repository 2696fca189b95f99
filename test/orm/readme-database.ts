// What the README takes for granted of TypeORM, which is installed here and not at the top.
import Sqlite from 'libsql';
import { DataSource } from 'typeorm';
import { NotificationSchema, UserSchema } from './typeorm-entities.ts';

export { Notification, User } from './typeorm-entities.ts';

export const dataSource = await new DataSource({
  type: 'better-sqlite3',
  database: ':memory:',
  driver: Sqlite,
  synchronize: true,
  entities: [UserSchema, NotificationSchema],
}).initialize();
