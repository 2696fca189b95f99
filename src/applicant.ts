import type { Permission, Waiting } from './permission.ts';

/** What came out of asking for somebody; `answer` is what the application threw, if it refused so. */
export type Verdict =
  | { readonly is: 'permitted' | 'unanswered' }
  | { readonly is: 'refused'; readonly answer: unknown };

/** Somebody who wants to open a stream, and keeps the permission for it until that is open. */
export class Applicant implements Waiting {
  readonly permission: Permission;
  /** Nothing is known for who leaves before. */
  readonly verdict: Promise<Verdict>;
  ask = Number.POSITIVE_INFINITY;
  #settle!: (verdict: Verdict) => void;
  /** The call may have to wait for its turn, and what it asks about may change again and again. */
  readonly #stopTimer: () => void;

  constructor(permission: Permission) {
    this.permission = permission;
    this.verdict = new Promise((resolve) => {
      this.#settle = (verdict) => {
        this.#stopTimer();
        resolve(verdict);
      };
    });
    this.#stopTimer = permission.whenLate(() => this.unanswered());
    void permission.apply(this);
  }

  permitted(ask: number): void {
    if (ask >= this.ask) this.#settle({ is: 'permitted' });
  }

  refused(ask: number, answer: unknown): void {
    if (ask >= this.ask) this.#settle({ is: 'refused', answer });
  }

  unanswered(): void {
    this.#settle({ is: 'unanswered' });
  }

  leave(): void {
    this.permission.leave(this);
    this.unanswered();
  }
}
