import type { Applicant } from './applicant.ts';
import type { ConnectionContext, Sink } from './connection.ts';
import { FeedConnection, type FeedConnectionOptions } from './feed-connection.ts';
import type { Guarded, Permission } from './permission.ts';

/** A stream that is sent nothing but heartbeats unless it is permitted. */
export class GuardedConnection extends FeedConnection implements Guarded {
  readonly #permission: Permission;
  /** The first call of the application whose yes is for it; a no to an earlier one ends it, too. */
  readonly #ask: number;

  constructor(sink: Sink, context: ConnectionContext, options: FeedConnectionOptions, applicant: Applicant) {
    super(sink, context, options);
    this.#permission = applicant.permission;
    this.#ask = this.#permission.join(this, applicant);
  }

  protected override get takesMore(): boolean {
    return super.takesMore && this.#permission.allows(this.#ask);
  }

  permitted(): void {
    this.proceed();
  }

  /** The browser comes back, and gets the answer that makes it stop. */
  refused(): void {
    this.end('permission');
  }

  unanswered(): void {}

  protected override ended(): void {
    super.ended();
    this.#permission.leave(this);
  }
}
