import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Session } from '../../demo/session-store.ts';
import { openStorage } from '../../demo/storage.ts';

it('forgets sessions to which nobody can come back when it is opened', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sse-trigger-bell-'));
  const open = () => openStorage({ DATABASE_FILE: join(folder, 'bell.sqlite') }, new Map());
  const before = await open();
  const em = before.orm.em.fork();
  em.create(Session, { id: 'old', data: '{}', expires: new Date(Date.now() - 1_000) });
  em.create(Session, { id: 'new', data: '{}', expires: new Date(Date.now() + 60_000) });
  await em.flush();
  await before.close();

  const after = await open();
  expect((await after.orm.em.fork().findAll(Session)).map(({ id }) => id)).toEqual(['new']);
  await after.close();
  await rm(folder, { recursive: true });
});
