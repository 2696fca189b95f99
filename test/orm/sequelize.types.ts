// What must compile and what must not with the types of Sequelize itself, for `tsc -p test`. Nothing here is run.
import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  Sequelize,
} from 'sequelize';
import { SseTrigger } from '../../src/index.ts';
import { on, pushAfterSave } from '../../src/orm/sequelize.ts';

class Notification extends Model<InferAttributes<Notification>, InferCreationAttributes<Notification>> {
  declare id: CreationOptional<number>;
  declare userId: number;
  declare text: string | null;
}
class Urgent extends Notification {}
declare const sequelize: Sequelize;
interface Note extends Model<InferAttributes<Note>, InferCreationAttributes<Note>> {
  id: CreationOptional<number>;
  author: string;
}
const Note = sequelize.define<Note>('Note', { id: DataTypes.INTEGER, author: DataTypes.TEXT });
const trigger = new SseTrigger();

// --- What a user writes. ---

pushAfterSave(
  trigger,
  on(Notification, (n) => `notifications:${n.userId}`),
)(sequelize);
Sequelize.afterInit(
  pushAfterSave(
    trigger,
    on(Notification, (n) => `notifications:${n.userId}`),
  ),
);
pushAfterSave(
  trigger,
  on(Notification, (n, { kind, before }) => [`notifications:${n.userId}`, `${kind}:${before?.userId}`]),
  on(Urgent, ({ text }) => (text === null ? null : `urgent:${text.length}`)),
  on(Note, (note) => `notes:${note.author.toUpperCase()}`, { bulk: ({ kind }) => `notes:${kind}` }),
)(sequelize);

type Keys = 'all' | `notifications:${number}`;
const narrow = new SseTrigger<Keys>();
pushAfterSave(
  narrow,
  on(Notification, (n) => `notifications:${n.userId}`, { bulk: () => 'all' }),
);

// --- What must not compile. ---

// @ts-expect-error a misspelt property
on(Notification, (n) => `notifications:${n.userid}`);
// @ts-expect-error a misspelt property of a model that was defined
on(Note, (n) => `notes:${n.auhtor}`);
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
// @ts-expect-error an instance is no model
on(new Notification(), () => 'all');
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
const hook = pushAfterSave(
  trigger,
  on(Notification, (n) => `notifications:${n.userId}`),
);
// @ts-expect-error what is no Sequelize
hook(Notification);
