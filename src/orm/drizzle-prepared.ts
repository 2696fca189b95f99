export type Method = (...args: unknown[]) => unknown;
export type Methods = Record<PropertyKey, Method>;

/** Of a query to a mapped table. */
export interface Watch {
  /** It was carried out. */
  see(answer: unknown, placeholders?: object | undefined): void;
  /** It failed. */
  fail(error: unknown, placeholders?: object | undefined): void;
}

/** Drizzle's prepared query, whose methods call one another, so that those that are called from outside are hooked only. */
export function hookPrepared(prepared: Methods, watch: Watch): object {
  const hooked = Object.create(prepared) as Methods;
  const hookMethod = (name: string, toAnswer: (result: unknown) => unknown) => {
    hooked[name] = (...args) => {
      const placeholders = args[0] as object | undefined;
      return afterwards(
        prepared[name]?.(...args),
        (result) => watch.see(toAnswer(result), placeholders),
        (error) => watch.fail(error, placeholders),
      );
    };
  };
  if (prepared.run === undefined) {
    hookMethod('execute', (result) => result);
  } else {
    // SQLite, whose `execute` is one of these.
    hookMethod('run', (result) => result);
    hookMethod('all', (result) => result);
    hookMethod('get', (row) => (row === undefined ? [] : [row]));
    hookMethod('values', () => undefined); // bare values, not what the table makes of them
  }
  // MySQL's, which gives no rows of a write.
  if (prepared.iterator !== undefined) hooked.iterator = (...args) => iterate(prepared, args, watch);
  return hooked;
}

async function* iterate(prepared: Methods, args: unknown[], { see, fail }: Watch): AsyncGenerator<unknown> {
  const placeholders = args[0] as object | undefined;
  let hasFailed = false;
  try {
    yield* prepared.iterator?.(...args) as AsyncIterable<unknown>;
  } catch (error) {
    hasFailed = true;
    fail(error, placeholders);
    throw error;
  } finally {
    // Also when nobody iterates to its end.
    if (!hasFailed) see(undefined, placeholders);
  }
}

/** Some drivers of SQLite give no promises. */
export function afterwards(
  result: unknown,
  then: (value: unknown) => void,
  fail: (error: unknown) => void = () => {},
): unknown {
  const pass = (value: unknown) => {
    then(value);
    return value;
  };
  const rethrow = (error: unknown) => {
    fail(error);
    throw error;
  };
  const isPromise = typeof (result as PromiseLike<unknown> | undefined)?.then === 'function';
  return isPromise ? Promise.resolve(result as PromiseLike<unknown>).then(pass, rethrow) : pass(result);
}
