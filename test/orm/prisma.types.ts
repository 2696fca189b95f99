// What must compile and what must not, for `tsc -p test`. Nothing here is run.
import { SseTrigger } from '../../src/index.ts';
import { on, pushAfterSave } from '../../src/orm/prisma.ts';
import type { PrismaClient } from './prisma/generated/postgresql/client/client.ts';

declare const client: PrismaClient;
const trigger = new SseTrigger();

const prisma = client.$extends(
  pushAfterSave(
    trigger,
    on(client.notification, (n, { kind, before }) => {
      const id: number = n.userId;
      const deletedAt: Date | null = n.deletedAt;
      return kind === 'delete' || before?.userId === id || deletedAt ? null : `notifications:${id}`;
    }),
    on(client.user, ({ id }) => [`user:${id}`, 'users'], { bulk: () => 'users' }),
  ),
);

// The client is what it was.
export async function use(): Promise<[number, string]> {
  const { id } = await prisma.notification.create({ data: { userId: 1, text: 'a' }, select: { id: true } });
  const [first] = await prisma.$transaction([prisma.notification.findFirstOrThrow()]);
  return prisma.$transaction(async (tx) => {
    await tx.$transaction((inner) => inner.user.delete({ where: { id } }));
    // @ts-expect-error: a client inside a transaction cannot be extended
    tx.$extends({});
    // @ts-expect-error: no such column
    await tx.notification.update({ where: { id }, data: { txt: 'a' } });
    return [first.id, (await tx.notification.findFirstOrThrow()).text];
  });
}

// On an extended client, too.
const named = client.$extends({ name: 'another' });
named.$extends(
  pushAfterSave(
    trigger,
    on(named.notification, (n) => n.text),
  ),
);

// @ts-expect-error: no such model
on(client.notifications, () => 'a');
// @ts-expect-error: no such column
on(client.notification, (n) => n.userID);
// @ts-expect-error: a relation is not in the row
on(client.notification, (n) => `user:${n.user.id}`);
// @ts-expect-error: a number is no key
on(client.notification, (n) => n.userId);
// @ts-expect-error: no such option
on(client.notification, (n) => n.text, { bulky: () => 'a' });

const narrow = new SseTrigger<'ticker' | `notifications:${number}`>();
pushAfterSave(
  narrow,
  on(client.notification, (n) => `notifications:${n.userId}`),
  on(client.user, () => 'ticker', { bulk: () => ['ticker'] }),
);
pushAfterSave(
  narrow,
  // @ts-expect-error: not one of the trigger's keys
  on(client.notification, (n) => `user:${n.userId}`),
);
