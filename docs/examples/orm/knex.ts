import { knex } from '../../../test/orm/examples/knex.ts';
import { trigger } from './trigger.ts';

export async function notify(userId: number, text: string): Promise<void> {
  await trigger.pushAfter(() =>
    knex.transaction(async (trx) => {
      await trx('notifications').insert({ user_id: userId, text });
      trigger.push(`notifications:${userId}`);
    }),
  );
}
