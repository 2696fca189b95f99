// What must compile and what must not, for `tsc -p test`. Nothing here is run.
import type { DataSource } from 'typeorm';
import { SseTrigger } from '../../src/index.ts';
import { on, pushAfterSave } from '../../src/orm/typeorm.ts';
import { Notification, NotificationSchema, User } from './typeorm-entities.ts';

declare const dataSource: DataSource;
const trigger = new SseTrigger();
const narrow = new SseTrigger<'users' | `notifications:${number}`>();

// --- What a user writes. ---

dataSource.subscribers.push(
  pushAfterSave(
    trigger,
    on(Notification, (n) => `notifications:${n.userId}`),
  ),
);
dataSource.subscribers.push(
  pushAfterSave(
    narrow,
    on(Notification, (n, { kind, before }) =>
      kind === 'update' && before?.userId !== undefined
        ? [`notifications:${n.userId}`, `notifications:${before.userId}`]
        : `notifications:${n.userId}`,
    ),
    on(User, ({ id }) => (id > 0 ? 'users' : undefined), {
      bulk: ({ kind }) => (kind === 'delete' ? 'users' : []),
    }),
  ),
);

// Of an EntitySchema, TypeORM's types keep the names of the properties alone.
pushAfterSave(
  trigger,
  on(NotificationSchema, (n) => `notifications:${n.userId}`),
);
pushAfterSave(
  narrow,
  on(NotificationSchema, (n: Notification) => `notifications:${n.userId}`),
);
// @ts-expect-error the type of a property is not known
on(NotificationSchema, (n) => n.text.toUpperCase());

// --- What must not compile. ---

// @ts-expect-error a misspelt property
on(Notification, (n) => `notifications:${n.userID}`);
// @ts-expect-error a misspelt property of a schema
on(NotificationSchema, (n) => `notifications:${n.userID}`);
// @ts-expect-error a misspelt property of the row before
on(Notification, (_, { before }) => `notifications:${before?.userID}`);
// @ts-expect-error the row before an update may be known in part
on(Notification, (_, { before }) => before?.text.toUpperCase());
// @ts-expect-error a row of another entity
on(Notification, (page: { title: string }) => `page:${page.title}`);
// @ts-expect-error a number for a key
on(Notification, (n) => n.userId);
// @ts-expect-error a promise of a key
on(Notification, async (n) => `notifications:${n.userId}`);
// @ts-expect-error a name for an entity
on('Notification', () => 'a');
// @ts-expect-error a row for an entity
on(new Notification(), () => 'a');
// @ts-expect-error a misspelt option
on(Notification, () => 'a', { bulks: () => 'a' });
pushAfterSave(
  narrow,
  // @ts-expect-error no key of the application is made like this
  on(Notification, (n) => `orders:${n.userId}`),
);
pushAfterSave(
  narrow,
  // @ts-expect-error nor this one, for a bulk write
  on(User, () => 'users', { bulk: () => 'user' }),
);
// @ts-expect-error a mapping that `on` did not make
pushAfterSave(trigger, [Notification, (n: Notification) => `notifications:${n.userId}`]);
pushAfterSave(
  // @ts-expect-error a trigger that is none
  {},
  on(Notification, () => 'a'),
);
