import { randomBytes } from 'node:crypto';
import { defineEntity, type EntityManager, p } from '@mikro-orm/core';

/** Something that all processes with one database have to agree on. */
export const Setting = defineEntity({
  name: 'Setting',
  tableName: 'bell_setting',
  properties: {
    name: p.string().primary(),
    value: p.string(),
  },
});

/** What signs the session cookies: made by whoever asks first, and the same ever after. */
export async function readSessionSecret(em: EntityManager): Promise<string> {
  const name = 'session secret';
  const value = randomBytes(32).toString('base64url');
  await em.upsert(Setting, { name, value }, { onConflictAction: 'ignore' });
  const setting = await em.findOneOrFail(Setting, { name }, { refresh: true });
  return setting.value;
}
