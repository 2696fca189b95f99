// What must compile and what must not with the types of Objection itself, for `tsc -p test`. Nothing here is run.
import { Model } from 'objection';
import { SseTrigger } from '../../src/index.ts';
import { on, pushAfterSave } from '../../src/orm/objection.ts';

class Notification extends Model {
  static override tableName = 'notifications';
  id!: number;
  userId!: number;
  text!: string | null;
}
class Urgent extends Notification {
  level?: number;
}
const trigger = new SseTrigger();

// --- What a user writes. ---

pushAfterSave(
  trigger,
  on(Notification, (n) => `notifications:${n.userId}`),
);
pushAfterSave(
  trigger,
  on(Notification, (n, { kind, before }) => [`notifications:${n.userId}`, `${kind}:${before?.userId}`]),
  on(Urgent, ({ text, level }) => (text === null ? null : `urgent:${level}`), { bulk: ({ kind }) => kind }),
);

type Keys = 'all' | `notifications:${number}`;
const narrow = new SseTrigger<Keys>();
pushAfterSave(
  narrow,
  on(Notification, (n) => `notifications:${n.userId}`, { bulk: () => 'all' }),
);

// --- What must not compile. ---

// @ts-expect-error a misspelt property
on(Notification, (n) => `notifications:${n.userid}`);
// @ts-expect-error a property of a class that extends it
on(Notification, (n) => `urgent:${n.level}`);
// @ts-expect-error a misspelt property of the row before
on(Notification, (_, { before }) => `notifications:${before?.userid}`);
// @ts-expect-error what never happens to a row
on(Notification, (n, { kind }) => (kind === 'remove' ? `notifications:${n.userId}` : null));
// @ts-expect-error a number is no key
on(Notification, (n) => n.userId);
// @ts-expect-error no promise
on(Notification, async (n) => `notifications:${n.userId}`);
// @ts-expect-error a misspelt option
on(Notification, (n) => `notifications:${n.userId}`, { bulks: () => 'all' });
// @ts-expect-error a class that is no model
on(Date, () => 'all');
pushAfterSave(
  narrow,
  // @ts-expect-error no key of the application is made like this
  on(Notification, (n) => `notes:${n.userId}`),
);
pushAfterSave(
  narrow,
  // @ts-expect-error no such key for a bulk write
  on(Notification, (n) => `notifications:${n.userId}`, { bulk: () => 'some' }),
);
// @ts-expect-error no trigger
pushAfterSave(on(Notification, (n) => `notifications:${n.userId}`));
