/** What is called of a `Client` of pg, version 8, that nobody else uses. */
export interface PostgresClient {
  connect(): Promise<unknown>;
  query(sql: string): Promise<{ readonly rows: readonly unknown[] }>;
  end(): Promise<unknown>;
  on(event: 'notification', listener: (message: PostgresNotification) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  /** Cut off when the server is silent: `end` would wait for it. */
  readonly connection?: { readonly stream?: { destroy(): unknown } | undefined } | undefined;
}

export interface PostgresNotification {
  readonly channel: string;
  readonly payload?: string | undefined;
}

/** Nothing to listen with, and the next one from the same place would not be either. */
export class UnfitClient extends TypeError {}

/** By what is known which client of pg has been connected, now or before, and what is a pool. */
interface Marks {
  readonly _connecting?: unknown;
  readonly _connected?: unknown;
  readonly totalCount?: unknown;
}

/** @throws UnfitClient, before anything is done with what may be in use elsewhere. */
export function requireClient(given: (Partial<PostgresClient> & Marks) | undefined): void {
  const methods = [given?.connect, given?.query, given?.end, given?.on];
  if (!methods.every((method) => typeof method === 'function')) {
    throw new UnfitClient(`connect has to give a client of pg: ${MEND}`);
  }
  if (given?.totalCount !== undefined) {
    throw new UnfitClient(`a pool has no connection that stays, but listening needs one of its own: ${MEND}`);
  }
  if (given?._connecting === true || given?._connected === true) {
    throw new UnfitClient(
      `connect has to give a new client each time, and listen connects it itself: ${MEND}`,
    );
  }
}

const MEND = 'listen(trigger, () => new pg.Client(url))';
