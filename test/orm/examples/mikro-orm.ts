import { defineConfig } from '@mikro-orm/postgresql';
import { Notification, User } from '../mikro-orm-entities.ts';
import { url } from './database.ts';

export { Notification };

export const config = defineConfig({ clientUrl: url, entities: [User, Notification] });
