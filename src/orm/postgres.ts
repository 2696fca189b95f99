import { requireFunction, requireKnown, requireMs } from '../option-checks.ts';
import { ENGINE, SseTrigger } from '../trigger.ts';
import type { PostgresClient } from './postgres-client.ts';
import { PostgresListener } from './postgres-listener.ts';

export type { PostgresClient, PostgresNotification } from './postgres-client.ts';
export { type Migration, type MigrationOptions, migration } from './postgres-migration.ts';
export { type KeyTemplate, on, type Table, type TableOptions } from './postgres-table.ts';

export interface ListenOptions {
  /**
   * Milliseconds after which the server is asked whether it is still there, and again so many that it has to answer, to
   * connect, and to say goodbye. @defaultValue 5000
   */
  heartbeat?: number | undefined;
}

/** A connection to PostgreSQL, or the next one when that is lost. */
export interface Listening extends AsyncDisposable {
  /** Resolves when the connection is closed. What was received is pushed. */
  close(): Promise<void>;
}

/**
 * Pushes what PostgreSQL says was committed: in each process that serves streams, over one connection of its own, not
 * through a pooler that shares connections. It comes back by itself, and then everything is looked at once. Errors go to
 * `onError` of the trigger, with `listen_failed`. A `connect` that gives anything else is not asked again.
 *
 * @param connect gives a client of pg that nobody else uses and that is not connected: `() => new pg.Client(url)`.
 * @throws TypeError for what is no trigger or no function, and for an option that does not exist or cannot be meant.
 */
export function listen<K extends string>(
  trigger: SseTrigger<K>,
  connect: () => PostgresClient | PromiseLike<PostgresClient>,
  options: ListenOptions = {},
): Listening {
  if (!(trigger instanceof SseTrigger)) {
    throw new TypeError('listen takes the SseTrigger first: listen(trigger, () => new pg.Client(url))');
  }
  requireFunction('connect', connect, '() => new pg.Client(url)');
  requireKnown('listen', options, ['heartbeat']);
  const { heartbeat = 5000 } = options;
  const listener = new PostgresListener(trigger[ENGINE], connect, requireMs('heartbeat', heartbeat));
  return {
    close: () => listener.close(),
    [Symbol.asyncDispose]: () => listener.close(),
  };
}
