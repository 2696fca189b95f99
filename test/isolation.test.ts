import { setImmediate as turn } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { Request } from 'express';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { streamSse } from '../src/index.ts';
import { streamApp } from './support/stream-app.ts';

/** Random subjects, among them many that are equal or nearly so. */
const { subject } = fc.letrec((tie) => ({
  subject: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<unknown>(1, '1', 1n, true, 'true', '[1]', [1], ['1'], { id: 1 }, { id: '1' }, '{"id":1}'),
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
    fc.array(tie('subject'), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom('id', 'a', '1', '__proto__'), tie('subject'), {
      maxKeys: 2,
      noNullPrototype: true,
    }),
  ),
}));
const somebody = subject.filter((value) => value !== '' && value !== false);

/** What tells subjects apart here, made without the package. */
const nameOf = (value: unknown) =>
  inspect(value, { depth: 50, sorted: true, compact: true, breakLength: Infinity });

it('never shows what is of one subject to another, whatever is pushed when (P7)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(somebody, { minLength: 2, maxLength: 5 }),
      fc.array(fc.tuple(fc.constantFrom('shared', 'own', 'all'), fc.nat(3)), { maxLength: 6 }),
      fc.infiniteStream(fc.nat(3)),
      async (subjects, pushes, pauses) => {
        let state = 0;
        const pause = async () => {
          for (let turns = pauses.next().value; turns > 0; turns -= 1) await turn();
        };
        await using app = await streamApp((trigger) => ({
          '/:index': streamSse(trigger, {
            subject: async (req: Request<{ index: string }>) => {
              await pause();
              return subjects[Number(req.params.index)] as object;
            },
            feeds: [
              {
                eventName: 'own',
                // One key that all watch, and one that some of them watch.
                key: (mine) => ['shared', `own:${nameOf(mine).length % 3}`],
                data: async (mine) => {
                  const before = state;
                  await pause();
                  return `${before} ${nameOf(mine)}`;
                },
              },
              { eventName: 'all', key: 'all', data: () => `${state} everybody` },
            ],
            throttle: 0,
          }),
        }));
        const streams = await Promise.all(subjects.map((_, index) => app.open(`/${index}`)));
        for (const [key, turns] of pushes) {
          state += 1;
          app.trigger.push(key === 'own' ? ['own:0', 'own:1', 'own:2'] : key);
          for (let left = turns; left > 0; left -= 1) await turn();
        }
        state += 1;
        const last = state;
        await app.trigger.push(['shared', 'all']);

        const shown = await Promise.all(
          streams.map(async (stream, index) => {
            const name = nameOf(subjects[index]);
            const states = { own: -1, all: -1 };
            while (states.own < last || states.all < last) {
              const { event, data = '' } = await stream.next();
              const [, number, whose] = /^(\d+) (.*)$/s.exec(data) ?? [];
              expect(whose).toBe(event === 'all' ? 'everybody' : arrived(name));
              // A state that came later is never followed by one that came before.
              expect(Number(number)).toBeGreaterThan(states[event as 'own' | 'all']);
              states[event as 'own' | 'all'] = Number(number);
            }
            return states;
          }),
        );
        expect(shown).toEqual(subjects.map(() => ({ own: last, all: last })));
        await Promise.all(streams.map((stream) => stream[Symbol.asyncDispose]()));
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);

it('runs once for equal subjects, and never for two different ones together', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(somebody, { minLength: 1, maxLength: 6 }), async (subjects) => {
      const runs: string[] = [];
      await using app = await streamApp((trigger) => ({
        '/:index': streamSse(trigger, {
          subject: (req: Request<{ index: string }>) => subjects[Number(req.params.index)] as object,
          key: () => 'shared',
          data: (mine) => {
            runs.push(nameOf(mine));
            return 1;
          },
        }),
      }));
      const streams = await Promise.all(subjects.map((_, index) => app.open(`/${index}`)));
      await Promise.all(streams.map((stream) => stream.next()));
      expect(runs.sort()).toEqual([...new Set(subjects.map(nameOf))].sort());
      await Promise.all(streams.map((stream) => stream[Symbol.asyncDispose]()));
    }),
    { numRuns: 60 },
  );
}, 60_000);

describe('what has no plain equality becomes no stream (P7)', () => {
  class User {
    readonly id = 1;
  }
  it.each([
    ['a Map', () => new Map([['id', 1]])],
    ['a Date', () => new Date()],
    ['a class instance', () => new User()],
    ['a Map in an object', () => ({ filter: new Map() })],
  ])('%s', async (_, subject) => {
    await using app = await streamApp((trigger) =>
      streamSse(trigger, { subject: subject as () => object, key: () => 'shared', data: () => 'secret' }),
    );
    await expect(app.open()).rejects.toThrow('answered 500');
    expect(app.trigger.stats()).toMatchObject({ streams: 0, keys: 0, runs: 0 });
  });
});

function arrived(given: string): string {
  return given.replace(/\r\n?/g, '\n').toWellFormed();
}
