/** An error can be its own cause. */
const DEPTH = 8;

/**
 * What somebody else's library threw, as it may be told and logged. Libraries attach to their errors what they were at, such
 * as the command of a log-in or the URL of a database, and with that a password. A copy has the name, message, stack and code,
 * and of the causes the same. The error itself may be in other hands, too, and stays as it is.
 */
export function plainError(error: unknown, depth = DEPTH): Error {
  if (!(error instanceof Error)) return new Error(withoutSecrets(String(error)));
  const { name, stack = '', code } = error as Error & { code?: unknown };
  const message = withoutSecrets(error.message);
  const plain = copy(error, message, depth);
  plain.name = name;
  // Before the frames, a stack has the message once more.
  plain.stack = `${name}: ${message}${/\n\s+at .*/s.exec(stack)?.[0] ?? ''}`;
  return typeof code === 'string' || typeof code === 'number' ? Object.assign(plain, { code }) : plain;
}

function copy(error: Error, message: string, depth: number): Error {
  const inner = (error: unknown) => plainError(error, depth - 1);
  const options = error.cause === undefined || depth === 0 ? undefined : { cause: inner(error.cause) };
  if (!(error instanceof AggregateError)) return new Error(message, options);
  return new AggregateError(depth === 0 ? [] : error.errors.map(inner), message, options);
}

/** Redis repeats the arguments of a command that it does not know, and Bun and Deno a URL that is none. */
function withoutSecrets(message: string): string {
  return message.replace(/, with args beginning with:.*/s, '').replace(/\/\/\S*@/g, '//***@');
}
