const MAX_BYTES = 512;
const MAX_KEYS = 16;

/**
 * The keys of one feed, sorted and each once, so that equal sets are equal lists.
 *
 * @throws TypeError for anything but a key or 1 to 16 of them.
 */
export function requireKeys(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [requireKey(value)];
  const keys: unknown[] = value;
  if (keys.length === 0 || keys.length > MAX_KEYS) {
    throw new TypeError(`key must be one key or 1 to ${MAX_KEYS} of them, got ${keys.length}`);
  }
  return [...new Set(Array.from(keys, requireKey))].sort();
}

/** @throws TypeError unless `value` is 1 to 512 bytes of well-formed text without control characters. */
export function requireKey(value: unknown): string {
  if (typeof value !== 'string') {
    throw new TypeError(
      `a key must be a string such as \`notifications:\${userId}\`, got ${describe(value)}`,
    );
  }
  const bytes = Buffer.byteLength(value);
  if (bytes === 0 || bytes > MAX_BYTES) {
    throw new TypeError(
      `a key must have 1 to ${MAX_BYTES} bytes, got ${bytes}: shorten it, or hash its long part`,
    );
  }
  if (/\p{Cc}/u.test(value) || !value.isWellFormed()) {
    throw new TypeError(`a key must be text without control characters, got ${JSON.stringify(value)}`);
  }
  return value;
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'number') return String(value);
  return Array.isArray(value) ? 'an array' : typeof value;
}
