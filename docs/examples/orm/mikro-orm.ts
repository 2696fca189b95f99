import { MikroORM } from '@mikro-orm/postgresql';
import { config, Notification } from '../../../test/orm/examples/mikro-orm.ts';
import { trigger } from './trigger.ts';

import { on, pushAfterSave } from 'sse-trigger/mikro-orm';

const orm = await MikroORM.init({
  ...config,
  subscribers: [pushAfterSave(trigger, on(Notification, (n) => `notifications:${n.userId}`))],
});

export { Notification, orm };
