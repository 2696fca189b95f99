import { pg, url } from '../../../test/orm/examples/database.ts';
import { trigger } from './trigger.ts';

import { listen, migration, on } from 'sse-trigger/postgres';

const { up, down } = migration({ tables: [on('notifications', { key: 'notifications:{user_id}' })] });   // print it once

const listening = listen(trigger, () => new pg.Client(url));     // in each process that serves streams; pg 8
const stop = () => listening.close();                            // before trigger.close()

export { down, stop, up };
