import { Notification } from '../../../test/orm/examples/objection.ts';
import { trigger } from './trigger.ts';

import { on, pushAfterSave } from 'sse-trigger/objection';

pushAfterSave(
  trigger,
  on(Notification, (n) => `notifications:${n.userId}`),
);

export { Notification };
