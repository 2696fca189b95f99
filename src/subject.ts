/**
 * What a stream is about. Plain data, since equality of subjects is the wall between two users: streams of one route
 * with equal subjects share what `data` gave.
 */
export interface Subject {
  /** A deeply frozen copy, so that what `data` gets is what was compared. */
  readonly value: unknown;
  /** Equal subjects have equal texts, and only those. */
  readonly text: string;
}

const MAX_DEPTH = 32;

/**
 * Copies and encodes a subject: JSON with sorted properties, a bigint as `1n`, so that texts tell types apart. `name` is
 * what errors call it.
 *
 * @returns undefined for the answers that mean "nobody": undefined, null, false and ''.
 * @throws TypeError for anything whose equality is not plain to see: a Map, a Date, a class instance, NaN, a cycle, a hole.
 */
export function toSubject(value: unknown, name: 'subject' | 'viewer' = 'subject'): Subject | undefined {
  if (value === undefined || value === null || value === false || value === '') return undefined;
  return encode(value, name, 0);
}

function encode(value: unknown, path: string, depth: number): Subject {
  switch (typeof value) {
    case 'string':
      return { value, text: JSON.stringify(value) };
    case 'boolean':
      return { value, text: String(value) };
    case 'bigint':
      return { value, text: `${value}n` };
    case 'number':
      if (!Number.isFinite(value)) throw refusal(path, String(value));
      // -0 and 0 are one number to anybody who writes ids.
      return { value: value + 0, text: String(value + 0) };
    case 'object':
      break;
    default:
      throw refusal(path, typeof value);
  }
  if (value === null) throw refusal(path, 'null');
  if (depth === MAX_DEPTH) throw refusal(path, 'a cycle, or more than 32 levels');
  if (Array.isArray(value)) return encodeArray(value, path, depth);
  return encodeObject(value, path, depth);
}

function encodeArray(array: unknown[], path: string, depth: number): Subject {
  const names = Reflect.ownKeys(array);
  // Indices come first: with one of them missing, `length` stands too early.
  const isWhole = names.length === array.length + 1 && names[array.length] === 'length';
  const plain = Object.getPrototypeOf(array) === Array.prototype && isWhole;
  if (!plain) throw refusal(path, 'an array with holes, properties or a class of its own');
  const items = array.map((item, index) => encode(item, `${path}[${index}]`, depth + 1));
  return {
    value: Object.freeze(items.map((item) => item.value)),
    text: `[${items.map((item) => item.text)}]`,
  };
}

function encodeObject(object: object, path: string, depth: number): Subject {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) {
    throw refusal(path, `an instance of ${object.constructor?.name || 'a class'}`);
  }
  if (Object.getOwnPropertySymbols(object).length > 0)
    throw refusal(path, 'an object with symbols for names');
  const entries = Object.getOwnPropertyNames(object)
    .sort()
    .map((name) => [name, encode(Reflect.get(object, name), `${path}.${name}`, depth + 1)] as const);
  return {
    value: Object.freeze(Object.fromEntries(entries.map(([name, item]) => [name, item.value]))),
    text: `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${item.text}`)}}`,
  };
}

function refusal(path: string, what: string): TypeError {
  return new TypeError(
    `${path} is ${what}: a subject or viewer is a string, finite number, bigint, boolean, or a plain object or array of these; ` +
      'give the id that tells it apart, or leave the property out',
  );
}
