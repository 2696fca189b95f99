import { mongoose, schema } from '../../../test/orm/examples/mongoose.ts';
import { trigger } from './trigger.ts';

const userId = 1;
const text = 'Shipped.';

schema.post('save', (n) => void trigger.push(`notifications:${n.userId}`));
const Notification = mongoose.model('Notification', schema); // with the hooks that the schema has by now

await trigger.pushAfter(() =>
  mongoose.connection.transaction(async (session) => {
    await Notification.create([{ userId, text }], { session });
  }),
);

export { Notification };
