import { adapter, PrismaClient } from '../../../test/orm/examples/prisma.ts';
import { trigger } from './trigger.ts';

import { on, pushAfterSave } from 'sse-trigger/prisma';

const client = new PrismaClient({ adapter });
export const prisma = client.$extends(
  pushAfterSave(trigger, on(client.notification, (n) => `notifications:${n.userId}`)),
);
