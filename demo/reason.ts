/** What an error of a connection says, in one line. A host with several addresses fails with several errors, and no message. */
export function reasonOf(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const message = first instanceof Error ? first.message : String(first);
  return message.split('\n', 1)[0]!;
}
