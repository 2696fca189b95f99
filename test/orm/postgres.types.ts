// What must compile and what must not, for `tsc -p test`. Nothing here is run.
import pg from 'pg';
import { SseTrigger } from '../../src/index.ts';
import { type Listening, listen, type Migration, migration, on, type Table } from '../../src/orm/postgres.ts';

const trigger = new SseTrigger();
const narrow = new SseTrigger<'ticker' | `notifications:${number}`>();

// --- What a user writes. ---

const notifications: Table = on('notifications', { key: 'notifications:{user_id}' });
const orders = on('orders', { schema: 'shop', key: ['order:{id}', 'orders:{owner}'], columns: ['state'] });
const { up, down }: Migration = migration({ tables: [notifications, orders] });
const texts: string[] = [up, down];

const listening: Listening = listen(trigger, () => new pg.Client('postgres://localhost'));
const closed: Promise<void> = listening.close();
listen(narrow, () => new pg.Client({ host: 'localhost' }), { heartbeat: 1000 });
listen(trigger, async () => new pg.Client({ password: 'token' }), { heartbeat: undefined });
on('notifications', { key: 'a', columns: undefined, schema: undefined });
export const results = [texts, closed];

// --- Mistakes. ---

// @ts-expect-error no key
on('notifications', {});
// @ts-expect-error a misspelt option
on('notifications', { key: 'a', colums: ['state'] });
// @ts-expect-error no such thing as a number for a key
on('notifications', { key: 7 });
// @ts-expect-error what `on` gives, not a name
migration({ tables: ['notifications'] });
// @ts-expect-error a client, not how to make one
listen(trigger, new pg.Client());
// @ts-expect-error a pool gives no connection of one's own
listen(trigger, () => new pg.Pool());
// @ts-expect-error a misspelt option
listen(trigger, () => new pg.Client(), { heartbeats: 1000 });
// @ts-expect-error no trigger
listen({ push: () => true }, () => new pg.Client());
