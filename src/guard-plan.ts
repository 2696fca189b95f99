import { requireFunction, requireMs } from './option-checks.ts';
import type { PermissionRule } from './permission.ts';

/** The options as they are at run time. */
interface LooseGuard {
  authorize?: Callback | undefined;
  authorizeKey?: Callback | undefined;
  authorizeEvery?: number | undefined;
  expiresAt?: Callback | undefined;
}

type Callback = (subject: unknown, viewer: unknown) => unknown;

/** Who may look, checked and complete. */
export interface GuardPlan {
  readonly rule: PermissionRule;
  /** What makes the keys that the answer depends on. */
  readonly key: Callback | undefined;
}

export const GUARD_OPTIONS = ['authorize', 'authorizeKey', 'authorizeEvery', 'expiresAt'] as const;

/**
 * @returns undefined when there is nothing to ask.
 * @throws TypeError for an option that cannot be meant.
 */
export function requireGuard(
  { authorize, authorizeKey, authorizeEvery, expiresAt }: LooseGuard,
  { dataTimeout, lifetime }: { readonly dataTimeout: number; readonly lifetime: number },
): GuardPlan | undefined {
  if (authorize !== undefined) requireFunction('authorize', authorize, '(subject, viewer) => true or false');
  if (authorizeKey !== undefined) {
    requireFunction('authorizeKey', authorizeKey, '(subject, viewer) => a key');
  }
  if (expiresAt !== undefined) requireFunction('expiresAt', expiresAt, '(subject, viewer) => a Date');
  if (authorize === undefined) {
    const needless =
      authorizeKey !== undefined ? 'authorizeKey' : authorizeEvery !== undefined && 'authorizeEvery';
    if (needless) {
      throw new TypeError(
        `${needless} says when to ask again, so authorize is missing: authorize: (subject, viewer) => true or false`,
      );
    }
    if (expiresAt === undefined) return undefined;
  }
  const atLeastEvery = authorize === undefined || authorizeKey !== undefined ? lifetime : 60_000;
  return {
    rule: {
      ask: async (subject, viewer) => {
        const isAllowed = authorize === undefined || requireAnswer(await authorize(subject, viewer));
        return isAllowed ? untilExpiry(await expiresAt?.(subject, viewer)) : 0;
      },
      authorizeEvery: requireMs('authorizeEvery', authorizeEvery ?? atLeastEvery),
      dataTimeout,
    },
    key: authorizeKey,
  };
}

/** What is merely true or false to JavaScript may be a mistake: a forgotten `return`, or a row in place of an answer. */
function requireAnswer(answer: unknown): boolean {
  if (typeof answer === 'boolean') return answer;
  throw new TypeError(`authorize must give true or false, got ${answer === null ? 'null' : typeof answer}`);
}

/** Milliseconds from now. */
function untilExpiry(expiresAt: unknown): number {
  if (expiresAt === undefined || expiresAt === null) return Number.POSITIVE_INFINITY;
  const time = expiresAt instanceof Date ? expiresAt.getTime() : expiresAt;
  if (typeof time === 'number' && !Number.isNaN(time)) return time - Date.now();
  throw new TypeError('expiresAt must give a Date or milliseconds since 1970, or nothing for never');
}
