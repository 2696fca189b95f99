import { DataSource } from 'typeorm';
import { NotificationSchema, UserSchema } from '../typeorm-entities.ts';
import { url } from './database.ts';

export { Notification } from '../typeorm-entities.ts';

export const newDataSource = () =>
  new DataSource({ type: 'postgres', url, entities: [UserSchema, NotificationSchema] });

export const dataSource = newDataSource();
