import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { plainError } from '../src/plain-error.ts';

class ReplyError extends Error {
  override readonly name = 'ReplyError';
  readonly command = { name: 'auth', args: ['top-secret'] };
}

const everythingOf = (error: Error) => inspect(error, { depth: null, showHidden: true });

it('has the name, message, stack and code of an error, and nothing else', () => {
  const error = Object.assign(new ReplyError('WRONGPASS'), {
    code: 'ERR',
    [Symbol('url')]: '//:top-secret@',
  });
  Object.defineProperty(error, 'hidden', { value: 'top-secret' });
  const plain = plainError(error);
  expect(plain).toBeInstanceOf(Error);
  expect(plain).toMatchObject({ name: 'ReplyError', message: 'WRONGPASS', code: 'ERR' });
  expect(plain.stack).toMatch(/^ReplyError: WRONGPASS\n\s+at .*plain-error\.test\.ts/);
  expect(everythingOf(plain)).not.toContain('top-secret');
});

it('leaves the error as it is', () => {
  const error = new ReplyError('WRONGPASS');
  plainError(error);
  expect(error.command.args).toEqual(['top-secret']);
});

it('has the causes of an error, and the errors that one stands for, in the same way', () => {
  const each = [new ReplyError('one'), new Error('two', { cause: new ReplyError('three') })];
  const plain = plainError(new Error('all', { cause: new AggregateError(each, 'several') }));
  expect(plain.cause).toBeInstanceOf(AggregateError);
  expect(plain.cause).toMatchObject({
    message: 'several',
    errors: [
      { name: 'ReplyError', message: 'one' },
      { message: 'two', cause: { message: 'three' } },
    ],
  });
  expect(everythingOf(plain)).not.toContain('top-secret');
});

it('ends where an error is its own cause, or one of those that it stands for', () => {
  const error = new AggregateError([], 'round');
  error.cause = error;
  error.errors.push(error);
  const plain = plainError(error) as AggregateError;
  expect(plain.message).toBe('round');
  expect([plain.cause, plain.errors[0]]).toEqual([plain, plain]);
});

const odd = {
  'an error without a message': Object.assign(new Error(), { message: undefined }),
  'errors that are none': Object.assign(new AggregateError([]), { errors: undefined }),
  'a getter that throws': Object.defineProperty(new Error('hidden'), 'code', {
    get() {
      throw new Error('no');
    },
  }),
  'what has no text': Object.create(null),
  nothing: undefined,
};

it.each(Object.entries(odd))('is an error in the end, whatever was thrown: %s', (_, thrown) => {
  expect(plainError(thrown)).toBeInstanceOf(Error);
});

it.each([
  [
    "ERR unknown command 'AUTH', with args beginning with: 'default' 'top-secret' ",
    "ERR unknown command 'AUTH'",
  ],
  [
    '"redis://:top-secret@host:x" cannot be parsed as a URL.',
    '"redis://***@host:x" cannot be parsed as a URL.',
  ],
  ["Invalid URL: 'postgres://me:top-/@secret@host:x'", "Invalid URL: 'postgres://***@host:x'"],
  ['postgres://host:x?password=top-secret&a=b is wrong', 'postgres://host:x?password=***&a=b is wrong'],
  ['refused\n    at redis://u:top-secret@host', 'refused\n    at redis://***@host'],
  ['no file:///app/node_modules/@redis/client.js', 'no file:///app/node_modules/@redis/client.js'],
])('leaves out of a message what nobody may read: %s', (message, plain) => {
  expect(plainError(new Error(message))).toMatchObject({ message: plain });
  expect(plainError(message)).toMatchObject({ message: plain });
  expect(everythingOf(plainError(new Error(message)))).not.toContain('secret');
});
