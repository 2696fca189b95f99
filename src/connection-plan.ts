import type { Timing } from './connection.ts';
import { requireMs, requireMsRange } from './option-checks.ts';
import type { ConnectionSettings } from './stream-options.ts';

/** What a stream was told of its connections, checked and complete. */
export interface ConnectionPlan {
  readonly timing: Timing;
  readonly allowOrigins: readonly string[] | '*';
}

export const CONNECTION_OPTIONS = [
  'heartbeat',
  'retry',
  'writeTimeout',
  'lifetime',
  'allowOrigins',
] as const satisfies readonly (keyof ConnectionSettings)[];

/** @throws TypeError for an option that cannot be meant. */
export function toConnectionPlan(options: ConnectionSettings, isPublic: boolean): ConnectionPlan {
  const {
    heartbeat = 15_000,
    retry = [2000, 5000],
    writeTimeout = 30_000,
    lifetime = 1_800_000,
    allowOrigins = [],
  } = options;
  return {
    timing: {
      heartbeat: requireMs('heartbeat', heartbeat),
      retry: requireMsRange('retry', retry),
      writeTimeout: requireMs('writeTimeout', writeTimeout),
      lifetime: requireMs('lifetime', lifetime),
    },
    allowOrigins: requireOrigins(allowOrigins, isPublic),
  };
}

function requireOrigins(allowOrigins: unknown, isPublic: boolean): readonly string[] | '*' {
  if (allowOrigins === '*') {
    if (isPublic) return '*';
    throw new TypeError("allowOrigins: '*' would show any site what is meant for one user: list the origins");
  }
  if (!Array.isArray(allowOrigins)) throw new TypeError("allowOrigins must be an array of origins, or '*'");
  for (const origin of allowOrigins) {
    if (typeof origin !== 'string' || !URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new TypeError(
        `allowOrigins: ${JSON.stringify(origin)} is no origin such as 'https://app.example.org'`,
      );
    }
  }
  return allowOrigins;
}
