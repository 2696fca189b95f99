import type { Deliveries } from './clients/group.ts';
import type { Saves } from './pusher.ts';

/** That a client showed a save, or a later one of the same row. */
export interface Receipt {
  readonly key: string;
  /** Index in the saves. */
  readonly save: number;
  /** As in now.ts. */
  readonly time: number;
}

/**
 * One for each save and client of its key: its first row that is not older than the save. So a save that the next one
 * overtook counts with the time of that, and not as if there had been no wait. What never came is left out.
 *
 * @param clients the key of each
 */
export function receiptsOf(
  { client, save, received }: Deliveries,
  { first, keys }: Saves,
  clients: readonly string[],
): Receipt[] {
  const savesOf = new Map<string, number[]>();
  for (const [index, key] of keys.entries()) {
    const saves = savesOf.get(key);
    if (saves === undefined) savesOf.set(key, [index]);
    else saves.push(index);
  }
  const owed = clients.map((key) => ({ key, saves: (savesOf.get(key) ?? []).values() }));
  const next = owed.map(({ saves }) => saves.next());
  const receipts: Receipt[] = [];
  for (const [row, number] of save.entries()) {
    const who = client[row]!;
    const { key, saves } = owed[who]!;
    for (let one = next[who]!; !one.done && first + one.value <= number; one = next[who]!) {
      receipts.push({ key, save: one.value, time: received[row]! });
      next[who] = saves.next();
    }
  }
  return receipts;
}

/** Milliseconds from the time for which each save was meant. */
export function latenciesOf(receipts: readonly Receipt[], { at }: Saves): number[] {
  return receipts.map(({ save, time }) => (time - at[save]!) / 1000);
}
