import { dataSource, Notification } from '../../../test/orm/examples/typeorm.ts';
import { trigger } from './trigger.ts';

import { on, pushAfterSave } from 'sse-trigger/typeorm';

await dataSource.initialize(); // it begins with an empty list of subscribers
dataSource.subscribers.push(pushAfterSave(trigger, on(Notification, (n) => `notifications:${n.userId}`)));

export { dataSource, Notification };
