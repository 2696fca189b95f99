import { defineEntity, type EntityManager, type InferEntity, p } from '@mikro-orm/libsql';

export const Notification = defineEntity({
  name: 'Notification',
  properties: {
    id: p.integer().primary(),
    from: p.string(),
    to: p.string().index(),
    text: p.string(),
    at: p.datetime().onCreate(() => new Date()),
    read: p.boolean().default(false),
  },
});
export type Notification = InferEntity<typeof Notification>;

/** What to push when the bell of a user shows something that is out of date. */
export type BellKey = `notifications:${string}`;

export function toBellKey(user: string): BellKey {
  return `notifications:${user}`;
}

/** What the bell of one user shows. */
export interface Bell {
  unread: number;
  newest: Pick<Notification, 'id' | 'from' | 'text' | 'at'>[];
}

const NEWEST = 5;

export async function readBell(em: EntityManager, user: string): Promise<Bell> {
  const unread = await em.count(Notification, { to: user, read: false });
  const newest = await em.find(Notification, { to: user }, { orderBy: { id: 'desc' }, limit: NEWEST });
  return { unread, newest: newest.map(({ id, from, text, at }) => ({ id, from, text, at })) };
}
