import { DataSource } from 'typeorm';
import { NotificationSchema, UserSchema } from '../typeorm-entities.ts';
import { url } from './database.ts';

export { Notification } from '../typeorm-entities.ts';

export const dataSource = new DataSource({
  type: 'postgres',
  url,
  entities: [UserSchema, NotificationSchema],
});
