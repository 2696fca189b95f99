import { defineEntity, type InferEntity, p, raw } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/libsql';
import type { SessionKey } from './sessions.ts';

export const Notification = defineEntity({
  name: 'Notification',
  tableName: 'bell_notification',
  properties: {
    id: p.integer().primary(),
    from: p.string(),
    to: p.string().index(),
    text: p.string(),
    at: p.datetime(3).onCreate(() => new Date()),
    read: p.boolean().default(false),
  },
});
export type Notification = InferEntity<typeof Notification>;

/** What to push when the bell of a user shows something that is out of date. */
type BellKey = `notifications:${string}`;

export function toBellKey(user: string): BellKey {
  return `notifications:${user}`;
}

/** What to push when one more notification was sent, to whomever. */
export const ANY_NOTIFICATION = 'notifications';

/** All that is pushed in this application. */
export type Key = BellKey | typeof ANY_NOTIFICATION | SessionKey;

/** What the bells of one screen show. */
export interface Bells {
  users: Bell[];
}

/** What the bell of one user shows. */
export interface Bell {
  user: string;
  unread: number;
  newest: Pick<Notification, 'id' | 'from' | 'text' | 'at' | 'read'>[];
}

const NEWEST = 5;

export async function readBells(em: SqlEntityManager, users: readonly string[]): Promise<Bells> {
  const unread = await countUnread(em, users);
  const bells = users.map(async (user): Promise<Bell> => {
    const newest = await em.find(Notification, { to: user }, { orderBy: { id: 'desc' }, limit: NEWEST });
    return { user, unread: unread.get(user) ?? 0, newest: newest.map(toItem) };
  });
  return { users: await Promise.all(bells) };
}

function toItem({ id, from, text, at, read }: Notification): Bell['newest'][number] {
  return { id, from, text, at, read };
}

/** Of all users in one query. Who has none is missing. */
async function countUnread(em: SqlEntityManager, users: readonly string[]): Promise<Map<string, number>> {
  const rows = await em
    .createQueryBuilder(Notification)
    .select(['to', raw('count(*) as unread')])
    .where({ to: { $in: users }, read: false })
    .groupBy('to')
    .execute<{ to: string; unread: number | string }[]>();
  return new Map(rows.map(({ to, unread }) => [to, Number(unread)]));
}

/** As great as an integer of PostgreSQL may be, which refuses to compare with a greater one. */
const GREATEST_ID = 2 ** 31 - 1;

/** The id that somebody sent, unless it cannot be one. */
export function toId(sent: unknown): number | undefined {
  const id = typeof sent === 'number' || typeof sent === 'string' ? Number(sent) : 0;
  return Number.isInteger(id) && id >= 1 && id <= GREATEST_ID ? id : undefined;
}
