/** PostgreSQL cuts off what is longer, and so takes one name for another. */
const MAX_NAME = 63;

/** @throws TypeError for what PostgreSQL cannot have as a name. */
export function requireName(what: string, value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.includes('\0') || !value.isWellFormed()) {
    throw new TypeError(`${what} must be a name as PostgreSQL has it, got ${JSON.stringify(value)}`);
  }
  const bytes = Buffer.byteLength(value);
  if (bytes > MAX_NAME) {
    throw new TypeError(
      `${what} must have at most ${MAX_NAME} bytes, got ${bytes}: ${JSON.stringify(value)}`,
    );
  }
  return value;
}

/** A name as it is, with its capitals and whatever else is in it. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Means the same whether or not the server takes backslashes for what they are. */
export function quoteText(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? `E${quoted}` : quoted;
}

/** The body of a function, whatever is in it. */
export function quoteBody(body: string): string {
  let tag = '$body$';
  while (body.includes(tag)) tag = `${tag.slice(0, -1)}_$`;
  return `${tag}\n${body}\n${tag}`;
}
