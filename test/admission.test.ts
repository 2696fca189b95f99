import express, { type ErrorRequestHandler } from 'express';
import request from 'supertest';
import { describe, expect, it, vi } from 'vitest';
import { SseTrigger, type SseTriggerError, streamSse } from '../src/index.ts';
import { serve } from './support/serve.ts';
import { streamApp } from './support/stream-app.ts';

const idle = { streams: 0, keys: 0 };
const later = /^: later\nretry: ([3-5]\d{4}|60000)\n\n$/;

/** Answers a request that becomes no stream. */
async function ask(
  make: (trigger: SseTrigger) => ReturnType<typeof streamSse>,
  { maxStreams }: { maxStreams?: number } = {},
) {
  const errors: SseTriggerError[] = [];
  await using trigger = new SseTrigger({ onError: (error) => errors.push(error), maxStreams });
  const toText: ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(error.status ?? 500).send(`${error.name}: ${error.message}`);
  };
  const answer = await request(express().get('/stream', make(trigger)).use(toText)).get('/stream');
  return { answer, errors, stats: trigger.stats() };
}

describe('a subject', () => {
  it.each([undefined, null, false, ''])('that is %j answers 401, once and for all', async (nobody) => {
    const key = vi.fn(() => 'a');
    const { answer, errors, stats } = await ask((trigger) =>
      streamSse(trigger, { subject: async () => nobody as string, key, data: () => 1 }),
    );
    expect(answer.status).toBe(401);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(key).not.toHaveBeenCalled();
    expect(errors).toEqual([]);
    expect(stats).toMatchObject({ ...idle, refused: { nobody: 1 } });
  });

  it.each([0, 0n, true, {}, []])('that is %s is somebody', async (subject) => {
    await using app = await streamApp((trigger) =>
      streamSse(trigger, { subject: () => subject, key: () => 'a', data: (value) => String(value) }),
    );
    await using stream = await app.open();
    expect(await stream.next()).toMatchObject({ data: String(subject) });
  });

  it.each([
    ['throws', () => Promise.reject(new TypeError('secret'))],
    ['throws a text', () => Promise.reject('secret')],
    [
      'throws an error of the server',
      () => Promise.reject(Object.assign(new Error('secret'), { status: 503 })),
    ],
    [
      'throws a status that is a text',
      () => Promise.reject(Object.assign(new Error('x'), { status: '403' })),
    ],
  ])('that %s has the client come back later, and is told of', async (_, subject) => {
    const { answer, errors, stats } = await ask((trigger) =>
      streamSse(trigger, { subject: subject as () => Promise<number>, key: () => 'a', data: () => 1 }),
    );
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(answer.text).toMatch(later);
    expect(errors).toMatchObject([{ code: 'subject_failed', route: '/stream', cause: expect.anything() }]);
    expect(stats).toMatchObject({ ...idle, refused: { failed: 1 } });
  });

  it('that throws an error of the client goes to the error handler', async () => {
    const forbidden = Object.assign(new Error('not yours'), { status: 403 });
    const { answer, errors } = await ask((trigger) =>
      streamSse(trigger, { subject: () => Promise.reject(forbidden), key: () => 'a', data: () => 1 }),
    );
    expect([answer.status, answer.text]).toEqual([403, 'Error: not yours']);
    expect(errors).toEqual([]);
  });

  it.each([new Map(), new Date(), Number.NaN, [null], { id: undefined }])(
    'that is %s goes to the error handler before the head',
    async (subject) => {
      const { answer, errors, stats } = await ask((trigger) =>
        streamSse(trigger, { subject: () => subject as object, key: () => 'a', data: () => 1 }),
      );
      expect(answer.status).toBe(500);
      expect(answer.text).toMatch(/^TypeError: subject.* give the id that tells it apart/);
      expect(errors).toEqual([]);
      expect(stats).toMatchObject(idle);
    },
  );
});

describe('a key', () => {
  it.each([undefined, null, 7, '', [], ['a', undefined], 'a\n', 'x'.repeat(513)])(
    'that is %j goes to the error handler before the head (P7)',
    async (key) => {
      const { answer, errors, stats } = await ask((trigger) =>
        streamSse(trigger, { subject: () => 1, key: async () => key as string, data: () => 1 }),
      );
      expect(answer.status).toBe(500);
      expect(answer.text).toMatch(/^TypeError: a? ?key must/);
      expect(errors).toEqual([]);
      expect(stats).toMatchObject(idle);
    },
  );

  it('that throws has the client come back later, and is told of (P3)', async () => {
    const cause = new Error('secret');
    const { answer, errors } = await ask((trigger) =>
      streamSse(trigger, { subject: () => 1, key: () => Promise.reject(cause), data: () => 1 }),
    );
    expect([answer.status, answer.text]).toEqual([200, expect.stringMatching(later)]);
    expect(errors).toMatchObject([{ code: 'key_failed', route: '/stream', cause }]);
  });

  it('that throws an error of the client goes to the error handler', async () => {
    const missing = Object.assign(new Error('no such order'), { status: 404 });
    const { answer } = await ask((trigger) =>
      streamSse(trigger, { subject: () => 1, key: () => Promise.reject(missing), data: () => 1 }),
    );
    expect([answer.status, answer.text]).toEqual([404, 'Error: no such order']);
  });
});

it('gives nothing of an application error to the wire', async () => {
  await using trigger = new SseTrigger({ onError: () => {} });
  const fail = () => Promise.reject(new Error('secret'));
  const app = express()
    .get('/subject', streamSse(trigger, { subject: fail, key: () => 'a', data: () => 1 }))
    .get('/key', streamSse(trigger, { subject: () => 1, key: fail, data: () => 1 }));
  await using served = await serve(app);
  for (const path of ['/subject', '/key']) {
    const { text, headers } = await request(served.server).get(path);
    expect(text + JSON.stringify(headers)).not.toContain('secret');
  }
});
