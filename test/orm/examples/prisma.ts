import { PrismaPg } from '@prisma/adapter-pg';
import { url } from './database.ts';

export { PrismaClient } from '../prisma/generated/postgresql/client/client.ts';

export const adapter = new PrismaPg({ connectionString: url });
