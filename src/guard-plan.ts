import { requireFunction, requireMs } from './option-checks.ts';
import type { PermissionRule } from './permission.ts';

/** The options as they are at run time. */
interface LooseGuard {
  viewer?: unknown;
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
  options: LooseGuard,
  { dataTimeout, lifetime }: { readonly dataTimeout: number; readonly lifetime: number },
): GuardPlan | undefined {
  requireCallback('authorize', options, 'true or false');
  requireCallback('authorizeKey', options, 'a key');
  requireCallback('expiresAt', options, 'a Date');
  const { authorize, authorizeKey, expiresAt } = options;
  if (authorize === undefined) requireNothingToRepeat(options);
  if (authorize === undefined && expiresAt === undefined) return undefined;
  const isTold = authorize === undefined || authorizeKey !== undefined;
  const { authorizeEvery = isTold ? lifetime : 60_000 } = options;
  return {
    rule: {
      ask: async (subject, viewer) => {
        const isAllowed = authorize === undefined || requireAnswer(await authorize(subject, viewer));
        return isAllowed ? untilExpiry(await expiresAt?.(subject, viewer)) : 0;
      },
      authorizeEvery: requireMs('authorizeEvery', authorizeEvery),
      dataTimeout,
    },
    key: authorizeKey,
  };
}

function requireCallback(
  name: 'authorize' | 'authorizeKey' | 'expiresAt',
  options: LooseGuard,
  gives: string,
): void {
  const callback = options[name];
  if (callback === undefined) return;
  requireFunction(name, callback, `(subject, viewer) => ${gives}`);
  // Types let it pass that a viewer is taken for granted.
  if (callback.length > 1 && options.viewer === undefined) {
    throw new TypeError(`${name} takes a viewer, so viewer is missing: viewer: (req) => req.session.userId`);
  }
}

function requireNothingToRepeat(options: LooseGuard): void {
  const name = (['authorizeKey', 'authorizeEvery'] as const).find((name) => options[name] !== undefined);
  if (name === undefined) return;
  throw new TypeError(
    `${name} says when to ask again, so authorize is missing: authorize: (subject, viewer) => true or false`,
  );
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
