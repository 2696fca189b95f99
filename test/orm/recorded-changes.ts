import type { BulkChange, Change } from '../../src/orm/mapping.ts';
import { keyOf } from './conformance.ts';

interface Row {
  readonly userId: number;
  readonly text: string;
}

export interface RecordedChange {
  readonly kind: string;
  readonly text?: string | undefined;
  readonly before?: string | undefined;
}

/** A mapping and a `bulk` that keep what they get. `take` gives that of since the last time. */
export function recordedChanges() {
  const changes: RecordedChange[] = [];
  return {
    toKeys(row: Row, { kind, before }: Change<Row>) {
      changes.push({ kind, text: row.text, before: before?.text });
      return keyOf(row.userId);
    },
    bulk({ kind }: BulkChange) {
      changes.push({ kind });
      return 'all';
    },
    take: () => changes.splice(0),
  };
}
