import { pool } from '../../../test/orm/examples/database.ts';
import { drizzle, notifications } from '../../../test/orm/examples/drizzle.ts';
import { trigger } from './trigger.ts';

import { on, pushAfterSave } from 'sse-trigger/drizzle';

const hooked = pushAfterSave(trigger, on(notifications, (n) => `notifications:${n.userId}`));
export const db = hooked(drizzle(pool));

export { notifications };
