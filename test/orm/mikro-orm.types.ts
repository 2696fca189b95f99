// What must compile and what must not, for `tsc -p test`. Nothing here is run.
import { EntitySchema, type EventSubscriber, MikroORM } from '@mikro-orm/core';
import { SseTrigger } from '../../src/index.ts';
import { on, pushAfterSave } from '../../src/orm/mikro-orm.ts';
import { Notification, User } from './mikro-orm-entities.ts';

class Page {
  declare id: number;
  declare text: string;
}
const pages = new EntitySchema<Page>({ name: 'Page' });
const trigger = new SseTrigger();
const narrow = new SseTrigger<'users' | `notifications:${number}` | `page:${string}`>();

// --- What a user writes. ---

export const orm = MikroORM.init({
  entities: [User, Notification, Page],
  subscribers: [
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
      on(Page, (page) => `page:${page.text}`),
      on(pages, (page) => `page:${page.text.toUpperCase()}`),
    ),
  ],
});
export const subscriber: EventSubscriber = pushAfterSave(
  trigger,
  on(Page, (page) => page.text),
);

// What `defineEntity` of MikroORM 7 gives, of which Node 20 could run nothing.
interface EntitySchema7<Entity> {
  readonly '~entity': Entity;
  readonly meta: {
    readonly className: string;
    readonly prototype: Entity;
    readonly class: abstract new (...args: unknown[]) => Entity;
    readonly root: object;
  };
}
declare const schema7: EntitySchema7<Page>;
on(schema7, (page) => page.text.toUpperCase());
// @ts-expect-error a misspelt property
on(schema7, (page) => page.txt);

// --- What must not compile. ---

// @ts-expect-error a misspelt property
on(Notification, (n) => `notifications:${n.userID}`);
// @ts-expect-error a misspelt property of a class
on(Page, (page) => `page:${page.txt}`);
// @ts-expect-error a misspelt property of an EntitySchema
on(pages, (page) => `page:${page.txt}`);
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
on(new Page(), () => 'a');
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
pushAfterSave(
  // @ts-expect-error a trigger that is none
  {},
  on(Page, () => 'a'),
);
