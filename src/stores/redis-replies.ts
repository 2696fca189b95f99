/** The data set that answers, from `INFO replication`: changes with every crash, restart and promotion, and not with a lost connection. */
export function identityOf(info: unknown): string | undefined {
  return typeof info === 'string' ? /^master_replid:(\S+)/m.exec(info)?.[1] : undefined;
}

export function refusal(key: string | undefined, cause: unknown): Error {
  return new Error(`Redis refused ${key}: ${cause instanceof Error ? cause.message : cause}`, { cause });
}
