import { Notification, sequelize } from '../../../test/orm/examples/sequelize.ts';
import { trigger } from './trigger.ts';

import { on, pushAfterSave } from 'sse-trigger/sequelize';

pushAfterSave(
  trigger,
  on(Notification, (n) => `notifications:${n.userId}`),
)(sequelize);

export { Notification, sequelize };
