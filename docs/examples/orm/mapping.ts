import { Notification, newDataSource } from '../../../test/orm/examples/typeorm.ts';
import { trigger } from './trigger.ts';

import { on, pushAfterSave } from 'sse-trigger/typeorm';

const mapping = on(
  Notification,
  (n, { before }) => [`notifications:${n.userId}`, `notifications:${before?.userId ?? n.userId}`],
  { bulk: () => 'notifications:all' },
);

export const dataSource = await newDataSource().initialize();
dataSource.subscribers.push(pushAfterSave(trigger, mapping));

export { Notification };
