import express, { type ErrorRequestHandler } from 'express';
import { Redis } from 'ioredis';
import { Keyv } from 'keyv';
import { eventStream, SseTrigger, type SseTriggerError, streamSse } from 'sse-trigger';
import { streamResponse } from 'sse-trigger/fetch';
import { KeyvStore } from 'sse-trigger/keyv';
import { openStream } from 'sse-trigger/node';
import { NodeRedisStore } from 'sse-trigger/node-redis';
import * as postgres from 'sse-trigger/postgres';
import { RedisStore } from 'sse-trigger/redis';
import { on, pushAfterSave } from 'sse-trigger/typeorm';
import { afterAll, expect, it } from 'vitest';
import { SaveHook } from '../../src/orm/save-hook.ts';
import * as here from '../../src/trigger.ts';
import { head, serve } from '../support/serve.ts';
import { until } from '../support/until.ts';
import { filesIn, read } from './pages.ts';

const page = read('docs/errors.md');
const errors: SseTriggerError[] = [];
const trigger = new SseTrigger({ onError: (error) => errors.push(error) });
const redis = new Redis({ lazyConnect: true });
const key = 'key';
const data = () => 1;

afterAll(() => trigger.close());

/** What is written in code in a column of the table under a heading. */
function column(heading: string, index: number): string[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(heading))!;
  const rows = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('|--'));
  return rows
    .slice(1)
    .flatMap((row) => [...row.split(' | ')[index]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
}

it('has the codes that there are', () => {
  const union = /export type SseTriggerErrorCode =([^;]+);/.exec(read('src/errors.ts'))![1]!;
  const codes = [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code!);
  expect(codes.length).toBeGreaterThan(10);
  expect(column('Codes', 0).sort()).toEqual(codes.sort());
});

it('has the warnings that there are', () => {
  const sources = filesIn('src').map(read).join('\n');
  const codes = [...sources.matchAll(/code: '(SSE_TRIGGER_\w+)'/g)].map(([, code]) => code!);
  const named = column('Process warnings', 0).filter((name) => name.startsWith('SSE_TRIGGER'));
  expect(named.sort()).toEqual(codes.sort());
});

/** What throws each, at once. As any: TypeScript refuses most of it. */
const thrown: Record<string, () => unknown> = {
  'SseTrigger has no option': () => new SseTrigger({ pol: 1 } as object),
  'streamSse has no option': () => streamSse(trigger, { key, data, heartbeats: 1 } as never),
  'a feed has no option': () => streamSse(trigger, { feeds: [{ key, data, name: 'x' }] } as never),
  'poll must be': () => new SseTrigger({ poll: 0 }),
  'maxRuns must be': () => new SseTrigger({ maxRuns: 0.5 }),
  'retry must be': () => streamSse(trigger, { key, data, retry: [2, 1] }),
  'ttl must be': () => new KeyvStore(new Keyv(), { ttl: 0 }),
  'store.read must be a function': () => new SseTrigger({ store: new Keyv() as never }),
  'prefix must not begin with': () => new KeyvStore(new Keyv({ namespace: 'shop' }), { prefix: 'shop:' }),
  'RedisStore needs': () => new RedisStore({} as never),
  'NodeRedisStore needs': () => new NodeRedisStore({} as never),
  'SseTrigger takes its store by name': () => new SseTrigger(new RedisStore(redis) as object),
  'prefix must be': () => new KeyvStore(new Keyv(), { prefix: 1 as never }),
  'wake must be': () => new RedisStore(redis, { wake: 'on' as never }),
  'KeyvStore needs': () => new KeyvStore(new Map() as never),
  'two feeds are called': () =>
    streamSse(trigger, {
      feeds: [
        { key, data },
        { key: 'b', data },
      ],
    }),
  'data must be a function': () => streamSse(trigger, { key, data: 1 } as never),
  'key is missing': () => streamSse(trigger, { data } as never),
  'key is a function, so subject is missing': () => streamSse(trigger, { key: () => key, data } as never),
  'viewer is given, so subject is missing': () => streamSse(trigger, { key, data, viewer: data } as never),
  'authorize takes a viewer, so viewer is missing': () =>
    streamSse(trigger, {
      subject: () => 1,
      key,
      data,
      authorize: (_: number, viewer: unknown) => viewer === 1,
    }),
  'authorizeKey says when to ask again': () =>
    streamSse(trigger, { subject: () => 1, key, data, authorizeKey: () => 'roles' }),
  'a stream takes either feeds': () => streamSse(trigger, { key, feeds: [] } as never),
  'feeds must be an array': () => streamSse(trigger, { feeds: [] }),
  "allowOrigins: '*' would show": () =>
    streamSse(trigger, { subject: () => 1, key, data, allowOrigins: '*' }),
  'allowOrigins must be': () => streamSse(trigger, { key, data, allowOrigins: 'https://x.example' as '*' }),
  'streamSse needs an SseTrigger of the same copy': () =>
    streamSse(new here.SseTrigger() as never, { key, data }),
  'streamSse takes its options as an object': () => streamSse(trigger, undefined as never),
  'revision must be a string': () => streamSse(trigger, { key, data, revision: 1 as never }),
  'columns must be names': () => postgres.on('notifications', { key: 'a', columns: [] as never }),
  'a key must be a string': () => trigger.push(7 as never),
  'a key must have 1 to 512 bytes': () => trigger.push(''),
  'a key must be text': () => trigger.push('a\nb'),
  'pushAfterSave takes the SseTrigger first': () => pushAfterSave({} as never),
  'pushAfterSave takes what': () => pushAfterSave(trigger),
  'on takes the class': () => on(undefined as never, () => key),
  'on needs a key': () => postgres.on('notifications', { key: [] }),
  'migration takes what': () => postgres.migration({ tables: [] }),
  'listen takes the SseTrigger first': () => postgres.listen({} as never, () => ({}) as never),
};

it.each(Object.entries(thrown))('throws "%s…"', (message, act) => {
  expect(act).toThrow(TypeError);
  expect(act).toThrow(message);
});

/** What an error handler gets when a stream opens that has this subject and key. */
async function handled(subject: unknown, keyOf: unknown = 'key'): Promise<Error> {
  const app = express();
  const caught: Error[] = [];
  const handler: ErrorRequestHandler = (error, _req, res, _next) => {
    caught.push(error);
    res.sendStatus(500);
  };
  app.get(
    '/',
    streamSse(trigger, { subject: () => subject as string, key: () => keyOf as string, data }),
    handler,
  );
  await using served = await serve(app);
  (await head(served.url)).destroy();
  return caught[0]!;
}

/** What `onError` gets of a stream. */
async function told(handler: ReturnType<typeof streamSse>): Promise<SseTriggerError> {
  errors.length = 0;
  await using served = await serve(express().get('/', handler));
  const response = await head(served.url);
  await until(() => errors.length > 0);
  response.destroy();
  return errors[0]!;
}

const subject = () => 'x';
const toOne = () => 1;

const yielding = (event: object) =>
  causeOf(
    eventStream(trigger, async function* () {
      yield event;
    }),
  );

const later: Record<string, () => Promise<{ code?: string; error: unknown }>> = {
  'subject is': async () => ({ error: await handled(new Map()) }),
  'key must be one key': async () => ({ error: await handled('x', []) }),
  'data has no JSON': () => causeOf(streamSse(trigger, { key, data: () => toOne as object })),
  'authorize must give true or false': () =>
    causeOf(streamSse(trigger, { subject, key: subject, data, authorize: () => 1 as never })),
  'expiresAt must give': () =>
    causeOf(streamSse(trigger, { subject, key: subject, data, expiresAt: () => 'never' as never })),
  'a source gives an async iterable': () => causeOf(eventStream(trigger, (async () => 1) as never)),
  'an event is an object': () => yielding(1 as never),
  'an event has no field': () => yielding({ name: 'x' }),
  'event must not hold CR, LF or NUL': () => yielding({ event: 'a\nb', data: 1 }),
  'event is empty': () => yielding({ event: '', data: 1 }),
  'a mapping gives its keys at once': async () => {
    const mapped: SseTriggerError[] = [];
    await using own = new here.SseTrigger({ onError: (error) => mapped.push(error) });
    const hook = new SaveHook(own, [{ entity: 'row', toKeys: (async () => key) as never, bulk: undefined }]);
    hook.statements(() => [{ isWritten: () => true, kinds: ['insert'], rows: [{}] }]);
    await until(() => mapped.length > 0);
    return { code: mapped[0]!.code, error: mapped[0]!.cause };
  },
};

async function causeOf(handler: ReturnType<typeof streamSse>) {
  const { code, cause } = await told(handler);
  return { code, error: cause };
}

it.each(Object.entries(later))('tells "%s…" where the page says', async (message, act) => {
  const { code, error } = await act();
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toContain(message);
  const row = page.split('\n').find((line) => line.includes(`\`${message}\``))!;
  expect(row.split(' | ')[1]).toContain(code ?? 'your error handler');
});

const rejected: Record<string, () => Promise<unknown>> = {
  'openStream needs the request and the response of Node': () =>
    openStream(trigger as never, {} as never, {} as never, { key, data }),
  'streamResponse needs a Request': () => streamResponse(trigger as never, {} as never, { key, data }),
  'onThrow must be': () => trigger.pushAfter(() => 1, { onThrow: 'never' as 'drop' }),
};

it.each(Object.entries(rejected))('rejects with "%s…"', async (message, act) => {
  await expect(act()).rejects.toThrow(TypeError);
  await expect(act()).rejects.toThrow(message);
});

it('lists no TypeError but these', () => {
  const known = [thrown, later, rejected].flatMap(Object.keys);
  expect(column('TypeErrors', 0).sort()).toEqual(known.sort());
});
