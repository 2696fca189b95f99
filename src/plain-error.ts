/**
 * What somebody else's library threw, as it may be told and logged. Libraries attach to their errors what they were at, such
 * as the command of a log-in or the URL of a database, and with that a password. A copy has the name, message, stack and code,
 * and of the causes the same. The error itself may be in other hands, too, and stays as it is.
 */
export function plainError(error: unknown): Error {
  return copyOf(error, new Map());
}

/** An error can be its own cause. */
function copyOf(error: unknown, copies: Map<unknown, Error>): Error {
  const known = copies.get(error);
  if (known !== undefined) return known;
  try {
    if (!(error instanceof Error)) return new Error(withoutSecrets(String(error)));
    const { name, message, stack, code } = error as Error & { readonly code?: unknown };
    const text = withoutSecrets(String(message));
    const copy = error instanceof AggregateError ? new AggregateError([], text) : new Error(text);
    copies.set(error, copy);
    copy.name = String(name);
    copy.stack = `${copy.name}: ${text}${framesOf(String(stack), String(message))}`;
    if (typeof code === 'string' || typeof code === 'number') Object.assign(copy, { code });
    if (error.cause !== undefined) copy.cause = copyOf(error.cause, copies);
    if (error instanceof AggregateError) {
      (copy as AggregateError).errors = Array.from(error.errors, (one) => copyOf(one, copies));
    }
    return copy;
  } catch {
    return new Error('an error that cannot be read');
  }
}

/** What is below the message in a stack. */
function framesOf(stack: string, message: string): string {
  const below = stack.slice(stack.indexOf(message) + message.length);
  return withoutSecrets(/\n\s+at .*/s.exec(below)?.[0] ?? '');
}

/** Redis repeats the arguments of a command that it does not know, and Bun and Deno a URL that is none. */
function withoutSecrets(text: string): string {
  return (
    text
      .replace(/, with args beginning with:.*/s, '')
      // A frame of a stack may be of a file in a scope, which is no log-in.
      .replace(/(?<!file:\/?)\/\/\S*@/g, '//***@')
      .replace(/([?&]password=)[^&\s"']*/gi, '$1***')
  );
}
