import { SseTrigger } from 'sse-trigger';
import { dataSource, Notification } from '../../../test/orm/readme-database.ts';

export const trigger = new SseTrigger();

import { on, pushAfterSave } from 'sse-trigger/typeorm';
dataSource.subscribers.push(pushAfterSave(trigger, on(Notification, (n) => `notifications:${n.userId}`)));
